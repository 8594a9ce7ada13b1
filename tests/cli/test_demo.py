"""scripts/demo.sh, which `make demo` runs, and the clips of demo/."""
import os
import re
import shutil
import subprocess
import sys

import pytest

from conftest import PROGRAM, ROOT, SMALL, environment

DEMO = os.path.join(ROOT, "demo")
CLIPS = sorted(n[:-4] for n in os.listdir(DEMO) if n.endswith(".mp4"))
WEIGHTS = os.path.join(ROOT, "weights", "lipnet.safetensors")


def demo_of(clips, out, weights=WEIGHTS):
    """scripts/demo.sh on these clips."""
    return subprocess.run([os.path.join(ROOT, "scripts", "demo.sh"), *map(str, clips)],
                          env=environment(BUILD=os.path.dirname(PROGRAM), OUT=str(out),
                                          VISEME_WEIGHTS=str(weights), PYTHON=sys.executable),
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True, timeout=240)


def part(text, clip):
    """{"read": ..., "said": ..., "WER": ...} of what is printed about a clip."""
    block = text.split(f"{clip}\n", 1)[1].split("\n\n", 1)[0]
    return dict(re.findall(r"^  (read|said|WER):? (.*)$", block, re.M))


def test_what_the_demo_shows_is_what_the_program_reads(viseme, cascade, has_video, tmp_path):
    """The first clip under a name and with a text that are not its own, the second without a text:
    what is read follows the pictures, what is said the text beside them."""
    a, b = (os.path.join(DEMO, name) for name in CLIPS[:2])
    shutil.copy(a + ".mp4", tmp_path / "masked.mp4")
    shutil.copy(b + ".txt", tmp_path / "masked.txt")
    shutil.copy(b + ".mp4", tmp_path / "bare.mp4")
    masked, bare, out = tmp_path / "masked.mp4", tmp_path / "bare.mp4", tmp_path / "out"
    done = demo_of([masked, bare], out)
    assert done.returncode == 0, done.stderr
    table = viseme("read", "-q", "-m", WEIGHTS, "--words", a + ".mp4").out.splitlines()
    read = [" ".join(line.split("\t")[3] for line in table),
            viseme("read", "-q", "-m", WEIGHTS, b + ".mp4").out.strip()]
    assert read[0] != read[1]
    shown = part(done.stdout, masked)
    assert shown["read"] == read[0]
    with open(b + ".txt", encoding="ascii") as file:
        assert shown["said"] == file.read().strip()
    (tmp_path / "text").write_text(read[0] + "\n")
    rate = viseme("eval", b + ".txt", tmp_path / "text").out.splitlines()[0]
    assert f"WER {shown['WER']}" == rate and f"All: {rate}\n" in done.stdout
    assert part(done.stdout, bare) == {"read": read[1]}
    for start, end, confidence, word in (line.split("\t") for line in table):
        assert re.search(rf" {float(start):.2f} to +{float(end):.2f} s +{word} +confidence "
                         rf"{confidence}\n", done.stdout), word
    subtitles = [(out / f"{name}.srt").read_text() for name in ("masked", "bare")]
    assert subtitles[0] == viseme("read", "-q", "-m", WEIGHTS, "--format", "srt", a + ".mp4").out
    assert read[1] in subtitles[1]
    if viseme("version", "--json").json()["cairo"]:
        pictures = [(out / f"{name}.png").read_bytes() for name in ("masked", "bare")]
        assert all(p.startswith(b"\x89PNG\r\n") for p in pictures) and pictures[0] != pictures[1]
    else:
        assert "no cairo" in done.stdout


@pytest.mark.skipif(SMALL, reason="slow with sanitizers, which see the same in test_sentences")
def test_a_sentence_reader_reads_the_clip_too(viseme, cascade, has_video, tmp_path):
    """Where its weights are."""
    folder, clip = tmp_path / "weights", os.path.join(DEMO, CLIPS[1] + ".mp4")
    folder.mkdir()
    shutil.copy(WEIGHTS, folder)
    reader = shutil.copy(os.path.join(ROOT, "weights", "syncvsr.safetensors"), folder)
    done = demo_of([clip], tmp_path / "out", folder)
    assert done.returncode == 0, done.stderr
    text = viseme("read", "-q", "-m", reader, clip).out.strip()
    assert text and f"  sentence reader: {text}\n" in done.stdout
    assert re.search(r"^All, sentence reader: WER .* N [0-9]+ words", done.stdout, re.M)


def test_a_clip_that_cannot_be_read_ends_the_demo(cascade, has_video, tmp_path):
    shutil.copy(os.path.join(DEMO, "README.md"), tmp_path / "text.mp4")
    done = demo_of([tmp_path / "text.mp4"], tmp_path / "out")
    assert done.returncode == 3 and str(tmp_path / "text.mp4") in done.stderr


def test_the_bundled_clips_are_small_and_held_out():
    sys.path.insert(0, os.path.join(ROOT, "weights-tools"))
    from synth import sentences
    assert len(CLIPS) == 3
    assert sum(os.path.getsize(os.path.join(DEMO, f"{n}.mp4")) for n in CLIPS) < 1e6
    for name in CLIPS:
        with open(os.path.join(DEMO, f"{name}.txt"), encoding="ascii") as file:
            assert sentences.split_of(file.read().strip()) == "test", name
