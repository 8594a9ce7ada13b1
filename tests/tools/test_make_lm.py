"""weights-tools/make_lm.py: probabilities that add up, counts by hand, what is refused."""
import itertools
import os
import subprocess
import sys

import pytest

from conftest import TOOLS

import make_lm

LINES = ["bin blue at f two now", "bin red", "", "  lay  blue at  b one soon ", "bin blue"]


def read_arpa(text):
    """{n-gram: (log10 probability, log10 back-off)} and the order."""
    grams, order = {}, 0
    for line in text.splitlines():
        if line.endswith("-grams:"):
            order = int(line[1:-len("-grams:")])
        elif order and line and not line.startswith("\\"):
            fields = line.split("\t")
            grams[tuple(fields[1].split(" "))] = (
                float(fields[0]), float(fields[2]) if len(fields) > 2 else 0.0)
    return grams, order


def probability(grams, history, word):
    """By back-off, as ARPA files are meant."""
    if history + (word,) in grams:
        return 10 ** grams[history + (word,)][0]
    return 10 ** grams.get(history, (0, 0))[1] * probability(grams, history[1:], word)


def make(tmp_path, *args, lines=LINES):
    (tmp_path / "lines.txt").write_text("\n".join(lines) + "\n")
    return subprocess.run([sys.executable, os.path.join(TOOLS, "make_lm.py"), "lines.txt", *args],
                          cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


@pytest.mark.parametrize("args", [(), ("--words",), ("--words", "--order", "3"), ("--order", "1")])
def test_probabilities_add_up(tmp_path, args):
    grams, order = read_arpa(make(tmp_path, *args).stdout)
    words = [w for (w,) in (g for g in grams if len(g) == 1) if w != "<s>"]
    histories = {g[:-1] for g in grams} | {g for g in grams if len(g) < order}
    histories |= set(itertools.islice(itertools.product(words, repeat=order - 1), 50))
    for history in histories:
        if make_lm.END in history:
            continue
        total = sum(probability(grams, history, w) for w in words)
        assert total == pytest.approx(1, abs=2e-4), history


def test_by_hand(tmp_path):
    """"a b", "a": after a, </s> and b were seen once each; one of four units is uniform."""
    grams, _ = read_arpa(make(tmp_path, "--words", "--order", "2", lines=["a b", "a"]).stdout)
    # Units: a b </s> <unk>; counts a 2, b 1, </s> 2: T = 3, c = 5.
    p_b = (1 + 3 / 4) / 8
    assert 10 ** grams[("b",)][0] == pytest.approx(p_b, rel=1e-4)
    assert 10 ** grams[("<unk>",)][0] == pytest.approx(3 / 4 / 8, rel=1e-4)
    assert 10 ** grams[("a", "b")][0] == pytest.approx((1 + 2 * p_b) / 4, rel=1e-4)
    assert 10 ** grams[("a",)][1] == pytest.approx(2 / 4, rel=1e-4)
    assert grams[("<s>",)][0] == -99


def test_characters_and_case(tmp_path):
    grams, order = read_arpa(make(tmp_path, "--case", "upper").stdout)
    assert order == 5 and ("B", "I", "N", "<sp>", "B") in grams
    assert not any(" " in w or w.islower() for g in grams for w in g if not w.startswith("<"))


def test_refusals(tmp_path):
    for args, lines, word in [(("--order", "11"), LINES, "order"), ((), ["", " "], "no text"),
                              (("--words",), ["a <s> b"], "reserved")]:
        done = make(tmp_path, *args, lines=lines)
        assert done.returncode != 0 and word in done.stderr
