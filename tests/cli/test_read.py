"""viseme read: pictures, videos, batches, names, outputs, places of the weights."""
import os
import shutil

import numpy as np
import pytest

import pictures
from conftest import PROGRAM, SMALL, strict


def test_text(viseme, weights, faces, text):
    result = viseme("read", "-q", "-m", weights, faces)
    assert (result.code, result.out, result.err) == (0, text, "")
    assert text.count("\n") == 1 and len(text) > 1


def test_json(viseme, weights, faces, text):
    result = viseme("read", "-q", "-m", weights, faces, "--json")
    assert result.code == 0 and result.err == ""
    found = result.json()
    assert found["schema"] == 1 and found["status"] == "ok" and found["input"] == faces
    assert found["frames"] == 12 and found["crops"] == 12 and found["crops_held"] == 0
    assert found["duration_s"] == pytest.approx(12 / 25)
    assert found["frame_rate"] == 25 and found["decoder"] == "greedy"
    assert found["text"] == found["hypotheses"][0]["text"]
    assert found["hypotheses"][0]["log_probability"] < 0
    assert found["model"] == {"path": weights, "arch": "lipnet"}
    assert all(seconds >= 0 for seconds in found["stages"].values())
    again = viseme("read", "-m", weights, faces, "--format", "json").json()
    assert again.keys() == found.keys() and again["hypotheses"] == found["hypotheses"]
    assert found["text"] + "\n" == text


def test_nbest(viseme, weights, faces):
    result = viseme("read", "-m", weights, faces, "--beam", 20, "--nbest", 5)
    rows = [line.split("\t") for line in result.out.splitlines()]
    scores = [float(score) for score, _ in rows]
    assert len(rows) == 5 and scores == sorted(scores, reverse=True)
    found = viseme("read", "-m", weights, faces, "--beam", 20, "--nbest", 5, "--json").json()
    assert [h["text"] for h in found["hypotheses"]] == [text for _, text in rows]
    assert found["decoder"] == "beam" and found["beam"] == 20


def test_emissions(viseme, weights, faces, tmp_path):
    assert viseme("read", "-m", weights, faces, "--emissions", "e.npy").code == 0
    assert np.load(tmp_path / "e.npy").shape == (12, 28)


def test_profile(viseme, weights, faces):
    result = viseme("read", "-m", weights, faces, "--profile")
    assert result.code == 0 and "\nconv1 " in result.err and result.out.count("\n") == 1


def test_pattern(viseme, weights, faces, text):
    result = viseme("read", "-m", weights, os.path.join(faces, "*.png"))
    assert (result.code, result.out) == (0, text)


def test_fps(viseme, weights, faces):
    found = viseme("read", "-m", weights, faces, "--json", "--fps", 12.5).json()
    assert found["frames"] == 12 and found["crops"] in (23, 24)


def test_no_face(viseme, weights, walls, cascade):
    viseme("read", "-m", weights, walls).error(4, walls, "face")
    result = viseme("read", "-m", weights, walls, "--json")
    result.error(4)
    assert result.json()["status"] == "error" and result.json()["error"] == "no_face"


def test_faceless_frames_are_held(viseme, weights, faces, tmp_path):
    """Time never shifts: frames without a face at the start, in the middle and at the end."""
    for i in range(12):
        shutil.copy(f"{faces}/{i:03d}.png", tmp_path / f"{i + 10:03d}.png")
    for i in list(range(10)) + list(range(22, 30)):
        pictures.write_png(tmp_path / f"{i:03d}.png", pictures.wall())
    found = viseme("read", "-m", weights, tmp_path, "--json", "-q").json()
    assert found["crops"] == 30 and found["crops_held"] >= 12
    assert [g["start_s"] for g in found["gaps"]] == [0, pytest.approx(22 / 25)]
    assert found["gaps"][0]["end_s"] >= 0.4 and found["gaps"][1]["end_s"] == pytest.approx(30 / 25)
    assert "no face at 0.00-" in viseme("read", "-m", weights, tmp_path).err
    refused = viseme("read", "-m", weights, tmp_path, "--on-no-face", "fail")
    refused.error(4, "no face at 0.000 s")


def test_video(viseme, weights, face_video):
    found = viseme("read", "-m", weights, face_video, "--json").json()
    assert found["frames"] == 12 and found["crops"] == 12 and found["frame_rate"] == 25


def test_video_without_face(viseme, weights, make_video, cascade):
    path = make_video("bars.mp4", "-f", "lavfi", "-i", "testsrc=size=320x240:rate=25:duration=1")
    viseme("read", "-m", weights, path).error(4, path)


def test_unreadable(viseme, weights, cascade, tmp_path):
    (tmp_path / "page.mp4").write_text("<html>not a video</html>")
    (tmp_path / "empty").mkdir()
    os.mkfifo(tmp_path / "pipe")
    for name in ("page.mp4", "empty", "pipe", "nothere.mp4", "/dev/zero", "http://127.0.0.1/x.mp4"):
        viseme("read", "-m", weights, name).error(3, name)


def test_batch(viseme, weights, faces, walls, text):
    """An error does not stop the others, and the code says that some failed."""
    result = viseme("read", "-q", "-m", weights, faces, "nothere.mp4", walls, faces)
    assert result.code == 9
    assert result.out == f"{faces}\t{text}" * 2
    assert result.err.count("\n") == 2 and "nothere.mp4" in result.err and walls in result.err
    result = viseme("read", "-m", weights, "--json", faces, "nothere.mp4", walls)
    rows = [strict(line) for line in result.out.splitlines()]
    assert result.code == 9
    assert [r["status"] for r in rows] == ["ok", "error", "error"]
    assert [r["input"] for r in rows] == [faces, "nothere.mp4", walls]
    assert [r.get("error") for r in rows] == [None, "input", "no_face"]
    result = viseme("read", "-m", weights, faces, faces)
    assert result.code == 0 and result.out == f"{faces}\t{text}" * 2


ODD_NAMES = ["with space", "quo'te\"s", "-dash", "l\u00e4\u00fc\u4e2d", "a.b.c", "new\nline",
             "semi;colon $(x) `y`", "tab\there", "%s%n", "star[*]"]


def test_odd_names(viseme, weights, faces, text, tmp_path):
    for name in ODD_NAMES:
        os.symlink(faces, tmp_path / name)
    result = viseme("read", "-m", weights, "--json", "-o", "out.json", "--", *ODD_NAMES)
    assert result.code == 0 and result.out == ""
    rows = [strict(line) for line in (tmp_path / "out.json").read_text().splitlines()]
    assert [r["input"] for r in rows] == ODD_NAMES
    assert all(r["text"] + "\n" == text for r in rows)
    # As text every input is one line with one tab, whatever is in its name.
    result = viseme("read", "-m", weights, "--", "new\nline", "tab\there")
    assert (result.code, result.out) == (0, f"new?line\t{text}tab?here\t{text}")
    assert viseme("read", "-m", weights, "--", "-dash").out == text


def test_name_that_is_not_utf8(viseme, weights, tmp_path):
    result = viseme("read", "-m", weights, "--json", os.fsdecode(b"bad\xff.mp4"))
    assert result.code == 3 and result.json()["input"] == "bad\ufffd.mp4"


def test_output(viseme, weights, faces, text, tmp_path):
    out = tmp_path / "out.txt"
    result = viseme("read", "-m", weights, faces, "-o", out)
    assert (result.code, result.out, out.read_text()) == (0, "", text)
    # A failure leaves what was there, and nothing new.
    before = set(os.listdir(tmp_path))
    assert viseme("read", "-m", weights, "nothere", "-o", out).code == 3
    assert out.read_text() == text
    viseme("read", "-m", weights, faces, "-o", "no/where.txt").error(1, "no/where.txt")
    viseme("read", "-q", "-m", weights, faces, "-o", "/dev/full").error(1)
    viseme("read", "-m", weights, faces, "-o", tmp_path).error(1)
    assert set(os.listdir(tmp_path)) == before
    # Of a batch, what could be read is kept.
    assert viseme("read", "-m", weights, "nothere", faces, "-o", out).code == 9
    assert out.read_text() == f"{faces}\t{text}"


def test_weights_by_environment(viseme, weights, faces, text, tmp_path):
    for place in (weights, os.path.dirname(weights)):
        result = viseme("read", faces, env={"VISEME_WEIGHTS": place})
        assert (result.code, result.out) == (0, text)
    viseme("read", faces, env={"VISEME_WEIGHTS": str(tmp_path)}).error(
        6, "VISEME_WEIGHTS", tmp_path / "lipnet.safetensors", "-m")


@pytest.mark.parametrize("place", ["weights", "share/viseme"])
def test_weights_beside_the_program(viseme, weights, faces, tmp_path, place):
    """Found from any directory, also through a symbolic link to the program."""
    program = tmp_path / "bin" / "viseme"
    program.parent.mkdir()
    shutil.copy(PROGRAM, program)
    (tmp_path / "elsewhere").mkdir()
    link = tmp_path / "elsewhere" / "v"
    link.symlink_to(program)
    result = viseme("read", faces, program=program)
    result.error(6, tmp_path / "weights/lipnet.safetensors",
                 tmp_path / "share/viseme/lipnet.safetensors", "VISEME_WEIGHTS", "-m")
    (tmp_path / place).mkdir(parents=True)
    os.symlink(weights, tmp_path / place / "lipnet.safetensors")
    for start, cwd in ((program, "/"), (link, tmp_path / "elsewhere")):
        assert viseme("read", faces, program=start, cwd=cwd).code == 0


def test_cascade(viseme, weights, faces, text, cascade, tmp_path):
    shutil.copy(cascade, tmp_path / "c.xml")
    assert viseme("read", "-m", weights, faces, "--cascade", "c.xml").out == text
    assert viseme("read", "-m", weights, faces, env={"VISEME_CASCADE": "c.xml"}).out == text
    viseme("read", "-m", weights, faces, "--cascade", "nothere.xml").error(6, "nothere.xml")
    (tmp_path / "bad.xml").write_text("<opencv_storage>")
    viseme("read", "-m", weights, faces, "--cascade", "bad.xml").error(6)


def test_levels_and_threads(viseme, weights, faces, text):
    levels = viseme("version", "--json").json()["cpu_levels"]
    for level in levels[-1:] if SMALL else levels:
        result = viseme("read", "-m", weights, faces, "--cpu", level, "-t", 2, "--json")
        assert result.json()["cpu"] == level and result.json()["text"] + "\n" == text
        assert viseme("read", "-m", weights, faces, "--json",
                      env={"VISEME_CPU": level}).json()["cpu"] == level


def test_real_clip(viseme, clips, has_video, cascade):
    """The weights of the repository read a clip of the speaker they know."""
    mine = os.path.join(os.path.dirname(__file__), os.pardir, os.pardir, "weights",
                        "lipnet.safetensors")
    found = viseme("read", "-m", mine, os.path.join(clips, "s1_bbaf2n.mpg"), "--json").json()
    assert found["frames"] == 75 and found["crops"] == 75 and found["crops_held"] == 0
    words = set(found["text"].lower().split())  # which letters it gets hangs on a pixel
    assert len(words & {"bin", "blue", "at", "f", "two", "now"}) >= 5, found["text"]
