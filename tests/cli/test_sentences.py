"""viseme read with a network that writes sentences: search, n-best, windows, crops, options. The
weights are drawn, so what is read is nonsense; its times, its form and its sums are not."""
import json
import os

import numpy as np
import pytest

import stand_ins
from conftest import ROOT, SMALL

TOKENS = 40


@pytest.fixture(scope="module")
def readers(tmp_path_factory):
    """A folder of readers for each kind of crop, one with short windows, and a language model."""
    folder = tmp_path_factory.mktemp("readers")
    stand_ins.sentence_reader(folder / "syncvsr.safetensors")
    stand_ins.sentence_reader(folder / "lrs2.safetensors", crop="syncvsr_lrs2")
    stand_ins.sentence_reader(folder / "autoavsr.safetensors", input_size=88)
    stand_ins.sentence_reader(folder / "half.safetensors", input_size=44)
    stand_ins.sentence_reader(folder / "weighed.safetensors", ctc_weight=0.5)
    stand_ins.sentence_reader(folder / "short.safetensors", input_size=88, window_frames=120)
    stand_ins.token_lm(folder / "lm.safetensors")
    stand_ins.token_lm(folder / "other.safetensors", odim=41)
    return folder


@pytest.fixture(scope="module")
def long_clip(tmp_path_factory, faces):
    """230 pictures: three windows of 120."""
    folder = tmp_path_factory.mktemp("long")
    pictures = sorted(os.listdir(faces))
    for i in range(230):
        os.symlink(os.path.join(faces, pictures[i % len(pictures)]), folder / f"{i:03d}.png")
    return str(folder)


def check_words(found, words, start=0.0):
    """Words in the order of time, within the clip, together the text."""
    assert " ".join(w["text"] for w in words).split() == found["text"].split()
    end = start
    for w in words:
        assert w["start_s"] >= end - 1e-6 and w["end_s"] > w["start_s"]
        assert 0 <= w["confidence"] <= 1
        end = w["end_s"]
    assert end <= found["start_s"] + found["duration_s"] + 1e-6


def test_json(viseme, readers, faces):
    """Always the same; of the same form as any other reading."""
    args = ["read", "-q", "-m", readers / "syncvsr.safetensors", faces, "--words", "--json"]
    found = viseme(*args, "--beam", 5, "--nbest", 3).json()
    again = viseme(*args, "--beam", 5, "--nbest", 3, "-t", 1).json()
    assert again["hypotheses"] == found["hypotheses"]
    assert found["decoder"] == "joint beam" and found["beam"] == 5
    assert found["model"]["arch"] == "syncvsr"
    assert found["frames"] == found["crops"] == 12 and found["duration_s"] == pytest.approx(0.48)
    assert found["min_confidence"] == 0 and found["out_of_domain"] is False
    assert len(found["hypotheses"]) == 3
    scores = [h["score"] for h in found["hypotheses"]]
    assert scores == sorted(scores, reverse=True) and scores[0] < 0
    for h in found["hypotheses"]:
        check_words({**found, "text": h["text"]}, h["words"])
        assert h["log_probability"] < 0 and 0 < h["confidence"] <= 1
    assert found["text"] == found["hypotheses"][0]["text"]
    assert viseme(*args[:-1], "--json").json()["beam"] == 40


def test_text_and_formats(viseme, readers, faces):
    args = ["read", "-q", "-m", readers / "syncvsr.safetensors", faces, "--beam", 3]
    found = viseme(*args, "--json", "--words").json()
    words = found["hypotheses"][0]["words"]
    assert viseme(*args).out == found["text"] + "\n"
    rows = [line.split("\t") for line in viseme(*args, "--words").out.splitlines()]
    assert [row[3] for row in rows] == [w["text"] for w in words]
    assert viseme(*args, "--format", "vtt").out.startswith("WEBVTT\n")
    assert viseme(*args, "--format", "srt", "--words").out.count(" --> ") == len(words)
    assert len(viseme(*args, "--format", "ctm").out.splitlines()) == len(words)
    rows = viseme(*args, "--nbest", 2).out.splitlines()
    assert len(rows) == 2 and float(rows[0].split("\t")[0]) >= float(rows[1].split("\t")[0])


def test_search_options(viseme, readers, faces):
    """Weights shift what is read and its score as the sum of the parts says."""
    args = ["read", "-q", "-m", readers / "syncvsr.safetensors", faces, "--beam", 4, "--json"]

    def best(*more):
        return viseme(*args, *more).json()["hypotheses"][0]

    plain = best()
    assert best("--ctc-weight", 0.1) == best("--length-bonus", 0) == plain
    alone = best("--ctc-weight", 0)
    assert alone["score"] == pytest.approx(alone["log_probability"], abs=1e-3)
    ctc = best("--ctc-weight", 1)
    assert ctc["score"] == pytest.approx(ctc["log_probability"], abs=1e-3)
    longer = best("--length-bonus", 3)
    assert len(longer["text"]) >= len(plain["text"]) and longer["score"] > plain["score"]
    lm = ("--lm", readers / "lm.safetensors")
    with_lm = viseme(*args, *lm).json()
    assert with_lm["decoder"] == "joint beam with language model"
    assert with_lm["hypotheses"][0] == best(*lm, "--lm-weight", 0.3) != plain
    assert best(*lm, "--lm-weight", 2) != with_lm["hypotheses"][0]


def test_a_beam_wider_than_the_vocabulary(viseme, readers, faces):
    """No blank gets into a reading where the beam has room for it."""
    found = viseme("read", "-q", "-m", readers / "syncvsr.safetensors", faces, "--json", "--beam",
                   TOKENS + 20, "--nbest", TOKENS + 20).json()
    assert len(found["hypotheses"]) > TOKENS
    assert not [h for h in found["hypotheses"] if "<blank>" in h["text"] or h["score"] > 0]


def test_weight_of_the_file(viseme, readers, faces):
    """What the file says of CTC's part goes where the user says nothing."""
    args = ["read", "-q", faces, "--beam", 4, "--json", "-m"]
    plain, weighed = readers / "syncvsr.safetensors", readers / "weighed.safetensors"

    def best(*more):
        return viseme(*args, *more).json()["hypotheses"][0]

    assert best(weighed) == best(plain, "--ctc-weight", 0.5) != best(plain)
    assert best(weighed, "--ctc-weight", 0.1) == best(plain)
    assert best(weighed, "--ctc-weight", 0) == best(plain, "--ctc-weight", 0)


def test_crops_of_the_file(viseme, readers, faces):
    """Its crops are those that the file names, so what is read differs; other files are alike."""
    emissions = []
    for name in ("syncvsr", "lrs2", "autoavsr", "half"):
        assert viseme("read", "-q", "-m", readers / f"{name}.safetensors", faces, "--beam", 1,
                      "--emissions", "e.npy", cwd=readers).code == 0
        emissions.append(np.load(readers / "e.npy"))
        assert emissions[-1].shape == (12, TOKENS)
        assert np.allclose(np.exp(emissions[-1]).sum(1), 1, atol=1e-4)
    for other in emissions[1:]:
        assert not np.allclose(emissions[0], other)
    assert not np.allclose(emissions[2], emissions[3])


def test_long_video(viseme, readers, long_clip, tmp_path):
    """Three windows that overlap: words everywhere, in order, once; readings in order."""
    args = ["read", "-q", "-m", readers / "short.safetensors", long_clip, "--words", "--json",
            "--beam", 2 if SMALL else 4, "--nbest", 2, "--emissions", "e.npy", "--report", "r.json"]
    found = viseme(*args).json()
    assert found["crops"] == 230 and found["duration_s"] == pytest.approx(9.2)
    first, second = found["hypotheses"]
    assert first["score"] >= second["score"] and first["text"] != second["text"]
    for h in (first, second):
        check_words({**found, "text": h["text"]}, h["words"])
    starts = [w["start_s"] for w in first["words"]]
    assert starts[0] < 2 and starts[-1] > 6 and max(np.diff(starts)) < 3
    emissions = np.load(tmp_path / "e.npy")
    assert emissions.shape == (230, TOKENS)
    with open(tmp_path / "r.json") as file:
        assert json.load(file)["inputs"][0]["hypotheses"] == found["hypotheses"]
    cut = viseme(*args[:5], "--ss", 1, "--to", 3, "--words", "--json", "--beam", 2).json()
    assert cut["start_s"] == pytest.approx(1) and cut["crops"] == 50
    check_words(cut, cut["hypotheses"][0]["words"], start=1)


def test_arch(viseme, readers, weights, faces):
    """--arch names the file that is looked for, and must be what the file says."""
    env = {"VISEME_WEIGHTS": str(readers)}
    args = ["read", "-q", faces, "--arch", "syncvsr", "--beam", 1]
    assert viseme(*args, env=env).out == \
        viseme("read", "-q", "-m", readers / "syncvsr.safetensors", faces, "--beam", 1).out
    viseme("read", faces, "-m", weights, "--arch", "syncvsr").error(
        6, weights, "a lipnet, not a syncvsr")
    viseme("read", faces, "--arch", "other").error(2, "lipnet", "syncvsr")
    viseme(*args, env={"VISEME_WEIGHTS": faces}).error(6, "syncvsr.safetensors")


@pytest.mark.parametrize("name, more, code, words", [
    ("syncvsr", ["--grammar", "grid"], 2, ["--grammar is for networks that emit letters"]),
    ("syncvsr", ["--beam", "3", "--nbest", "4"], 2, ["--beam 4 or more"]),
    ("syncvsr", ["--nbest", "41"], 2, ["the beam is 40"]),
    ("syncvsr", ["--ctc-weight", "1.5"], 2, ["0 to 1"]),
    ("syncvsr", ["--lm", "nothere"], 6, ["nothere"]),
    ("syncvsr", ["--lm", "other.safetensors"], 6, ["41 tokens", "has 40"]),
    ("syncvsr", ["--lm", "lrs2.safetensors"], 6, ["lrs2.safetensors"]),
    ("lm", [], 6, ["a syncvsr_lm network does not read lips"])])
def test_refusals(viseme, readers, faces, name, more, code, words):
    viseme("read", "-m", f"{name}.safetensors", faces, *more, cwd=readers).error(code, *words)


def test_options_of_other_networks(viseme, weights, faces, readers):
    for option in (("--ctc-weight", "0.5"), ("--length-bonus", "1")):
        viseme("read", "-m", weights, faces, *option).error(2, option[0], "is for a syncvsr")
    viseme("read", "-m", weights, faces, "--lm", readers / "lm.safetensors").error(6)


@pytest.mark.parametrize("config, words", [
    ({"crop": "other"}, '"crop" is "other"'), ({"crop": 4}, '"crop"'),
    ({"window_frames": 10}, "from 120 to 3000"), ({"input_size": 500}, "from 32 to 96"),
    ({"min_confidence": 2}, "from 0 to 1"), ({"ctc_weight": 0}, "from 0.01 to 1")])
def test_bad_configuration(viseme, faces, tmp_path, config, words):
    stand_ins.sentence_reader(tmp_path / "w.safetensors", **config)
    viseme("read", "-m", "w.safetensors", faces).error(6, "w.safetensors", words)


def test_vocabulary_is_needed(viseme, faces, tmp_path):
    path = stand_ins.sentence_reader(tmp_path / "w.safetensors")
    with open(path, "r+b") as file:
        text = file.read()
        file.seek(text.index(b"viseme.vocab"))
        file.write(b"viseme.vocal")
    viseme("read", "-m", path, faces).error(6, "--vocab")


def test_crop_kinds(viseme, faces, tmp_path):
    """Crops as pictures: their sizes; grey but for lipnet's; what goes with them."""
    for kind, height, width in (("lipnet", 64, 128), ("syncvsr_lrs2", 128, 128),
                                ("syncvsr_lrs3", 128, 128), ("autoavsr", 96, 96),
                                ("syncvsr_lrw", 96, 112)):
        assert viseme("face", "-q", faces, "--crop-kind", kind, "--crops", kind).code == 0
        assert len(os.listdir(tmp_path / kind)) == 12
        with open(tmp_path / kind / "000003.png", "rb") as file:
            header = file.read(24)
        assert int.from_bytes(header[16:20], "big") == width
        assert int.from_bytes(header[20:24], "big") == height
    viseme("face", faces, "--crop-kind", "autoavsr", "--crops-npy", "c.npy").error(2, "lipnet")


def test_bundled_weights(viseme, cascade, has_video):
    """A clip whose person and sentence no training saw is read right."""
    clip = os.path.join(ROOT, "demo", "digits.mp4")
    found = viseme("read", "-q", "-m", os.path.join(ROOT, "weights", "syncvsr.safetensors"),
                   "--json", clip).json()
    with open(clip[:-4] + ".txt", encoding="ascii") as file:
        assert found["text"].lower() == file.read().strip()
