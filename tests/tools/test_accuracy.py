"""bench/accuracy: that it counts what it says."""
import json
import os
import sys

import pytest

from conftest import ROOT

pytest.importorskip("cairo", reason="python3-cairo is not installed")
sys.path[:0] = [os.path.join(ROOT, "bench", "accuracy"), os.path.join(ROOT, "bench")]

import confidence  # noqa: E402
import grid  # noqa: E402
import read  # noqa: E402
import reader  # noqa: E402
import testset  # noqa: E402


TEST_SET = {"split": "test", "seed": 1, "pixels_sha256": "0" * 64}


class Scripted:
    """A Reader that has read TEXTS, and compares word for word."""
    TEXTS = {(): {"a": "set red at b two now", "b": "", "c": "one two"},
             reader.grammar("grid"): {"a": "set red at p two now", "b": "bin red at a one soon"},
             reader.grammar("digits"): {"c": "one two"}}

    def read(self, paths, *options):
        failed = {"status": "error", "input": "x"}
        return [{"status": "ok", "text": text, "crops": 75, "crops_held": 15,
                 "out_of_domain": False} if text else failed
                for text in (self.TEXTS[options][p] for p in paths)]

    def error_rates(self, said, found):
        pairs = [(t.split(), f.get("text", "").split()) for t, f in zip(said, found)]
        wrong = sum(sum(a != b for a, b in zip(t, f)) if f else len(t) for t, f in pairs)
        words = sum(len(t) for t, _ in pairs)
        return {"words": {"error_rate": wrong / words, "reference": words},
                "characters": {"error_rate": 0}, "exact": sum(t == f for t, f in pairs)}


@pytest.fixture
def parts(monkeypatch):
    """Three clips; of their words only "b" draws like another one."""
    monkeypatch.setattr(read.oracle, "class_sizes",
                        lambda text, voice, slots: [2 if w == "b" else 1 for w in text.split()])
    return [read.Part(["a", "b"], ["set red at b two now", "bin red at a one soon"],
                      ["en+m1", "en+f1"], "grid"),
            read.Part(["c"], ["one two"], ["en+m2"], "digits")]


def test_a_row_counts_both_ways_of_reading(parts):
    row = read._row(Scripted(), "noise", "noise", parts, read.LETTERS)
    assert (row["clips"], row["words"], row["condition"]) == (3, 14, "noise")
    assert row["greedy"] == {"wer": 6 / 14, "cer": 0, "exact": 2, "unread": 1}
    assert row["grammar"] == {"wer": 1 / 14, "cer": 0, "exact": 2, "unread": 0}
    assert row["oracle"]["wer"] == pytest.approx(0.5 / 14)
    assert row["held"] == 30 / 150 and row["warned"] == 1
    lines = read.markdown({"rows": [row], "ways": read.LETTERS, "test_set": TEST_SET})
    assert any(line.startswith("WER, CER: word") and "greedy decoding; with `--grammar`" in line
               for line in "\n".join(lines).splitlines())
    assert "| noise | 3 | 14 | 42.9 % | 0.0 % | 7.1 % | 0.0 % | 3.6 % (± 3.6) | 2 | 20.0 % | 1 |" \
        in lines


def test_a_reader_of_units_is_measured_by_its_search_alone(parts):
    row = read._row(Scripted(), "noise", "noise", parts, read.UNITS)
    assert row["joint"] == {"wer": 6 / 14, "cer": 0, "exact": 2, "unread": 1}
    assert "greedy" not in row and "grammar" not in row
    lines = read.markdown({"rows": [row], "ways": read.UNITS, "test_set": TEST_SET})
    assert "| noise | 3 | 14 | 42.9 % | 0.0 % | 3.6 % (± 3.6) | 2 | 20.0 % | 1 |" in lines
    assert "joint search" in "\n".join(lines) and "--grammar" not in "\n".join(lines)


@pytest.mark.parametrize("part", [
    read.Part(["a"], ["set red at b two now"], None, "grid"),
    read.Part(["a"], ["set red at b two now"], ["en+m1"], "words")])
def test_clips_without_a_voice_or_slots_have_no_oracle(parts, part):
    row = read._row(Scripted(), "GRID", None, [*parts, part], read.UNITS)
    assert row["oracle"] is None and row["words"] == 20


def test_weights_say_what_they_are_measured_on(tmp_path):
    program = tmp_path / "viseme"
    found = reader.Reader(str(program))

    def say(arch, **metadata):
        program.write_text("#!/bin/sh\necho '" + json.dumps({"arch": arch, "metadata": metadata})
                           + "'\n")
        program.chmod(0o755)

    say("lipnet", source="x")
    assert found.sentences() is None and not found.joint()
    say("syncvsr", **{"viseme.card.sentences": "grid words"})
    assert found.sentences() == ["grid", "words"] and found.joint()
    program.write_text("#!/bin/sh\nexit 6\n")
    with pytest.raises(RuntimeError, match="ended with 6"):
        found.joint()


@pytest.mark.parametrize("values, threshold", [
    ([0.62] * 20, 0.6), ([0.3] + [0.62] * 19, 0.6), ([0.3] * 2 + [0.62] * 18, 0.3),
    ([0.6] * 20, 0.6), ([1.0] * 3, 1.0), ([0.01] * 4, 0.0)])
def test_threshold_is_the_largest_with_few_alarms(values, threshold):
    assert confidence.chosen(values) == threshold


def test_rows_are_of_the_kinds_of_sentences_asked_for(monkeypatch):
    monkeypatch.setattr(read, "_rendered", lambda kind, *_: read.Part([kind], ["x"], None, kind))
    monkeypatch.setattr(read.grid, "clips", lambda: ())
    for kinds, first in ((("grid", "digits", "words"),
                          ["clean, grid sentences", "clean, digits sentences",
                           "clean, words sentences", "clean, all"]),
                         (("grid", "digits"), ["clean, grid sentences", "clean, digits sentences",
                                               "clean, both"]),
                         (("words",), ["clean"])):
        rows = list(read._groups(None, kinds, []))
        assert [name for name, _, _ in rows][:len(first)] == first
        assert rows[len(first)][0] == "low_light" and len(rows) == len(first) + 11
        assert [p.grammar for p in rows[-1][2]] == list(kinds)


def test_only_held_out_clips_are_measured_on(monkeypatch):
    texts = [f"bin red at {letter} {digit} soon" for letter in "abcdefgh"
             for digit in ("one", "two", "three", "four")]
    held_in = next(t for t in texts if testset.sentences.split_of(t) == "train")
    held_out = next(t for t in texts if testset.sentences.split_of(t) == "test")
    clips = [{"name": "a", "text": held_out, "split": "test"}]
    monkeypatch.setattr(testset, "_draw", lambda *args: clips)
    assert testset.clips("grid", "clean") == clips
    for wrong in ({"text": held_in, "split": "test"}, {"text": held_out, "split": "train"}):
        clips[:] = [{"name": "a", **wrong}]
        with pytest.raises(testset.HeldIn):
            testset.clips("grid", "clean")


def test_every_condition_draws_other_options():
    assert testset.CONDITIONS["clean"] == ()
    assert len(set(testset.CONDITIONS.values())) == len(testset.CONDITIONS)


def test_a_program_that_breaks_off_is_noticed(tmp_path):
    program = tmp_path / "viseme"
    program.write_text("#!/bin/sh\necho '{\"text\": \"A\"}'\n")
    program.chmod(0o755)
    found = reader.Reader(str(program))
    assert found.read(["a.mp4"]) == [{"text": "A"}]
    with pytest.raises(RuntimeError, match="1 results for 2 clips"):
        found.read(["a.mp4", "b.mp4"])


def test_sentences_of_grid_from_names():
    assert grid.sentence("x/s1_bgwz9p.mpg") == "bin green with z nine please".split()
