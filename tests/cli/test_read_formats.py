"""viseme read: words with times as text, JSON, subtitles and for scoring tools."""
import os
import re

import pytest

from conftest import strict

TIME = re.compile(r"(\d\d):(\d\d):(\d\d)([.,])(\d\d\d)")


def seconds(text):
    hours, minutes, whole, _, ms = TIME.fullmatch(text).groups()
    return int(hours) * 3600 + int(minutes) * 60 + int(whole) + int(ms) / 1000


def cues(blocks, numbered):
    """[(start, end, text)] of subtitle blocks between empty lines."""
    found = []
    for number, block in enumerate(blocks, 1):
        lines = block.split("\n")
        if numbered:
            assert lines.pop(0) == str(number)
        start, end = (seconds(t) for t in lines.pop(0).split(" --> "))
        assert start < end and lines and (not found or found[-1][1] <= start)
        found.append((start, end, " ".join(lines)))
    return found


@pytest.fixture
def read(viseme, weights, faces, tmp_path):
    """Reads a grammar's four words from 12 frames, so that there is something to print."""
    (tmp_path / "g.txt").write_text("$s = qz x w v")

    def call(*args):
        return viseme("read", "-q", "-m", weights, faces, "--grammar", "./g.txt", *args)

    return call


@pytest.fixture
def words(read):
    """The words as JSON gives them."""
    found = read("--json", "--words").json()
    words = found["hypotheses"][0]["words"]
    assert [w["text"] for w in words] == ["QZ", "X", "W", "V"]
    previous = 0
    for word in words:
        assert previous <= word["start_s"] < word["end_s"] <= found["duration_s"] + 1e-9
        assert round(word["start_s"] * 25, 6).is_integer()
        assert 0 < word["confidence"] < 1
        previous = word["end_s"]
    assert "words" not in read("--json").json()["hypotheses"][0]
    return words


def test_table(read, words, viseme, weights, faces):
    rows = [line.split("\t") for line in read("--words").out.splitlines()]
    assert [row[3] for row in rows] == ["QZ", "X", "W", "V"]
    for row, word in zip(rows, words):
        assert [float(x) for x in row[:3]] == pytest.approx(
            [word["start_s"], word["end_s"], word["confidence"]], abs=6e-4)
    rows = read("--words", faces).out.splitlines()
    assert len(rows) == 8 and all(row.startswith(faces + "\t") for row in rows)


def test_srt(read, words):
    text = read("--format", "srt").out
    assert text.endswith("\n\n") and "." not in text
    found = cues(text.rstrip("\n").split("\n\n"), True)
    assert [cue[2] for cue in found] == ["QZ X W V"]
    assert found[0][0] == pytest.approx(words[0]["start_s"], abs=1e-3)
    found = cues(read("--format", "srt", "--words").out.rstrip("\n").split("\n\n"), True)
    assert [(cue[0], cue[2]) for cue in found] == [
        (pytest.approx(w["start_s"], abs=1e-3), w["text"]) for w in words]


def test_vtt(read):
    text = read("--format", "vtt").out
    head, *blocks = text.rstrip("\n").split("\n\n")
    assert head == "WEBVTT" and "," not in text
    assert [cue[2] for cue in cues(blocks, False)] == ["QZ X W V"]


def test_ctm_and_trn(read, words, faces):
    name = os.path.basename(faces)
    rows = [line.split(" ") for line in read("--format", "ctm").out.splitlines()]
    assert [[row[0], row[1], row[4]] for row in rows] == [[name, "1", w["text"]] for w in words]
    for row, word in zip(rows, words):
        start, duration, confidence = float(row[2]), float(row[3]), float(row[5])
        assert start == pytest.approx(word["start_s"], abs=6e-4)
        assert start + duration == pytest.approx(word["end_s"], abs=2e-3)
        assert confidence == pytest.approx(word["confidence"], abs=6e-4)
    assert read("--format", "trn").out == f"QZ X W V ({name})\n"
    # Several inputs go into one file of these two, never into one of subtitles.
    assert len(read("--format", "ctm", faces).out.splitlines()) == 8
    assert read("--format", "trn", faces).out == f"QZ X W V ({name})\n" * 2
    for name in ("srt", "vtt"):
        read("--format", name, faces).error(2, name, "one input")


def test_file(read, tmp_path):
    assert read("--format", "srt", "-o", "out.srt").out == ""
    assert (tmp_path / "out.srt").read_text() == read("--format", "srt").out


def test_what_does_not_go(viseme):
    for args in (["--format", "srt", "--beam", "5", "--nbest", "2"], ["--format", "ctm", "--json"],
                 ["--words", "--beam", "5", "--nbest", "2"]):
        viseme("read", "x", *args).error(2)


def test_readings_of_a_beam_have_words(viseme, weights, faces):
    found = viseme("read", "-q", "-m", weights, faces, "--beam", 8, "--nbest", 4, "--words",
                   "--json").json()
    for reading in found["hypotheses"]:
        assert " ".join(w["text"] for w in reading["words"]) == reading["text"]


def test_times_of_a_part(viseme, weights, face_video):
    """Times are those of the video, also where reading starts later."""
    def starts(*args):
        return [w["start_s"] for w in viseme(
            "read", "-q", "-m", weights, face_video, "--json", "--words", *args
        ).json()["hypotheses"][0]["words"]]

    assert min(starts("--ss", "0.2") or [1]) >= 0.2 > 0


def test_json_lines(viseme, weights, faces):
    rows = viseme("read", "-q", "-m", weights, "--format", "json", "--words", faces, faces).out
    assert len({str(strict(row)["hypotheses"]) for row in rows.splitlines()}) == 1
