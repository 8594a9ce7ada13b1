"""viseme read: grammars, language models, confidence."""
import os
import re
import shutil
import subprocess
import sys

import pytest

from conftest import ROOT, seeded, strict

MINE = os.path.join(ROOT, "weights", "lipnet.safetensors")


@pytest.fixture(scope="session")
def make_lm(tmp_path_factory):
    """An ARPA file from lines of text: make_lm("a b\\nb", "--words")."""
    folder = tmp_path_factory.mktemp("lm")

    def call(text, *args):
        lines = folder / "lines.txt"
        lines.write_text(text + "\n")
        path = folder / f"{abs(hash((text, args)))}.arpa"
        subprocess.run([sys.executable, os.path.join(ROOT, "weights-tools", "make_lm.py"),
                        str(lines), "-o", str(path), *args], check=True)
        return str(path)

    return call


# ---- Grammars ----------------------------------------------------------------------------------

def test_grammar(viseme, weights, faces, tmp_path):
    """What is read is a sentence of the grammar, whatever the network would say."""
    for text, sentence in [("$s = q (x | y z)+ [q]", r"Q( X| Y Z)+( Q)?"),
                           ("# one\n$s = $a\n   | $a $a\n$a = QZ", r"QZ|QZ QZ")]:
        (tmp_path / "g.txt").write_text(text)
        found = viseme("read", "-q", "-m", weights, faces, "--grammar", "g.txt", "--json").json()
        assert re.fullmatch(sentence, found["text"]), found["text"]
        assert found["decoder"] == "grammar" and len(found["hypotheses"]) == 1
        best = found["hypotheses"][0]
        assert best["score"] == best["log_probability"] < 0
        assert found["confidence"] == best["confidence"]


def test_grammar_by_name(viseme, weights, faces, tmp_path):
    """grid and digits come with the program; another one lies beside the weights."""
    for bundled in ("grid", "digits"):
        viseme("read", "-m", weights, faces, "--grammar", bundled).error(
            3, faces, "none of the grammar's sentences can be read in 12 frames")
    os.mkdir(tmp_path / "grammars")
    shutil.copy(weights, tmp_path / "w.safetensors")
    (tmp_path / "grammars" / "mine.txt").write_text("$s = q")
    for where in (tmp_path / "w.safetensors", "w.safetensors"):
        assert viseme("read", "-q", "-m", where, faces, "--grammar", "mine").out == "Q\n"
    viseme("read", "-m", weights, faces, "--grammar", "nothere").error(
        2, os.path.join(os.path.dirname(weights), "grammars", "nothere.txt"), "./nothere")
    viseme("read", "-m", weights, faces, "--grammar", "./nothere").error(2, "./nothere")


def test_bad_grammar_is_said_once(viseme, weights, faces, tmp_path):
    for text, words in [("$s = a\n  | $t", "line 2"), ("$s = 4", '"4"'), ("$s = $s", "itself")]:
        (tmp_path / "g.txt").write_text(text)
        viseme("read", "-m", weights, faces, faces, "--grammar", "./g.txt").error(
            2, "./g.txt", words)
    (tmp_path / "g.txt").write_text("$s = " + "(" * 300 + "a" + ")" * 300)
    viseme("read", "-m", weights, faces, "--grammar", "./g.txt").error(7, "line 1")


@pytest.mark.parametrize("args", [["--grammar", "grid", "--beam", "5"],
                                  ["--grammar", "grid", "--lm", "x"], ["--lm-weight", "1"],
                                  ["--lm", "x", "--nbest", "65"], ["--min-confidence", "2"]])
def test_options_that_do_not_go(viseme, args):
    viseme("read", "x", *args).error(2)


# ---- Language models ---------------------------------------------------------------------------

def test_lm(viseme, weights, faces, make_lm):
    """Ranked by score; the more the model weighs, the more likely it finds the reading."""
    models = [make_lm("qa qa\nqa"), make_lm("QA QA\nQA", "--words", "--order", "2")]
    for model in models:
        before = None
        for weight in (0.01, 1, 50):
            found = viseme("read", "-q", "-m", weights, faces, "--lm", model, "--lm-weight",
                           weight, "--json", "--nbest", 5).json()
            scores = [h["score"] for h in found["hypotheses"]]
            assert found["decoder"] == "beam with language model"
            assert len(scores) == 5 and scores == sorted(scores, reverse=True)
            assert all(h["score"] < h["log_probability"] for h in found["hypotheses"])
            best = found["hypotheses"][0]
            by_model = (best["score"] - best["log_probability"]) / weight
            assert before is None or by_model >= before - 1e-6
            before = by_model
    plain = viseme("read", "-q", "-m", weights, faces, "--lm", models[0], "--nbest", 2)
    rows = [line.split("\t") for line in plain.out.splitlines()]
    assert len(rows) == 2 and float(rows[0][0]) >= float(rows[1][0])


def test_bad_lm(viseme, weights, faces, make_lm, tmp_path):
    viseme("read", "-m", weights, faces, "--lm", "nothere").error(6, "language model nothere")
    text = open(make_lm("ab ab")).read()
    (tmp_path / "short.arpa").write_text(text[:len(text) // 2])
    viseme("read", "-m", weights, faces, faces, "--lm", "short.arpa").error(
        6, "short.arpa", "line ")
    (tmp_path / "few.arpa").write_text(
        "\\data\\\nngram 1=2\n\\1-grams:\n-1\t<sp>\n-1\ta\n\\end\\\n")
    viseme("read", "-m", weights, faces, "--lm", "few.arpa").error(6, '"B"', "<unk>")


# ---- Confidence --------------------------------------------------------------------------------

def test_warning(viseme, weights, faces, text):
    """Stand-in weights know nothing, and it shows."""
    result = viseme("read", "-m", weights, faces)
    assert (result.code, result.out) == (0, text)
    assert result.err.count("\n") == 1 and "outside what this model knows" in result.err
    assert viseme("read", "-q", "-m", weights, faces).err == ""
    found = viseme("read", "-q", "-m", weights, faces, "--json").json()
    assert 0 < found["confidence"] < found["min_confidence"] == 0.85
    assert found["out_of_domain"] is True and "outside" in found["warning"]


def test_min_confidence(viseme, weights, faces, text):
    found = viseme("read", "-q", "-m", weights, faces, "--json").json()
    low, high = found["confidence"] * 0.9, found["confidence"] * 1.1
    result = viseme("read", "-m", weights, faces, "--min-confidence", low)
    assert (result.code, result.out, result.err) == (0, text, "")
    result = viseme("read", "-m", weights, faces, "--min-confidence", high)
    assert (result.code, result.out) == (8, text) and "confidence" in result.err
    found = viseme("read", "-q", "-m", weights, faces, "--json", "--min-confidence", low).json()
    assert found["out_of_domain"] is False and found["warning"] is None
    both = ["read", "-q", "-m", weights, faces, "--min-confidence", high]
    assert viseme(*both, faces).code == 8
    assert viseme(*both, "nothere").code == 9


def test_confidence_of_weights(viseme, faces, tmp_path):
    """"min_confidence" in the weights' configuration is the threshold of the warning."""
    path = seeded(tmp_path / "w.safetensors")
    data = open(path, "rb").read()
    size = int.from_bytes(data[:8], "little")
    header = data[8:8 + size].replace(b'\\"classes\\":',
                                      b'\\"min_confidence\\":0.01,\\"classes\\":')
    assert len(header) > size
    header += b" " * (-len(header) % 8)
    open(path, "wb").write(len(header).to_bytes(8, "little") + header + data[8 + size:])
    found = viseme("read", "-m", path, faces, "--json").json()
    assert found["min_confidence"] == 0.01 and found["out_of_domain"] is False


def test_real_clips(viseme, clips, has_video, cascade):
    """One who is known and one who is not, with and without the grammar."""
    known, stranger = (os.path.join(clips, name) for name in ("s1_bgbb1s.mpg", "s22_lbbc2a.mpg"))
    rows = [strict(line) for line in viseme("read", "-q", "-m", MINE, "--json", known,
                                            stranger).out.splitlines()]
    assert [row["out_of_domain"] for row in rows] == [False, True]
    result = viseme("read", "-m", MINE, "--grammar", "grid", known, stranger)
    assert result.out.splitlines()[0] == known + "\tBIN GREEN BY B ONE SOON"
    assert len(result.out.splitlines()[1].split("\t")[1].split()) == 6
    assert stranger in result.err and known not in result.err
