"""viseme face: lists, folders of crops, arrays, drawings."""
import os
import shutil

import numpy as np
import pytest

import pictures
from conftest import strict


def test_list(viseme, faces):
    result = viseme("face", faces)
    rows = result.out.splitlines()
    assert result.code == 0 and result.err == "" and len(rows) == 13
    assert rows[0].split()[:3] == ["crop", "time_s", "state"]
    assert rows[5].split()[:3] == ["4", "0.160", "face"]


def test_json(viseme, faces):
    result = viseme("face", faces, "--json")
    rows = [strict(line) for line in result.out.splitlines()]
    assert result.code == 0 and len(rows) == 13
    assert all(r["schema"] == 1 and r["status"] == "ok" for r in rows)
    crop = rows[3]
    assert crop["type"] == "crop" and crop["index"] == 3 and crop["held"] is False
    assert crop["time_s"] == pytest.approx(0.12)
    # Where the face was drawn: its middle at (180, 144), its mouth at (180, 206).
    assert crop["box"]["x_px"] < 180 < crop["box"]["x_px"] + crop["box"]["width_px"]
    assert abs(crop["mouth"]["x_px"] - 180) < 12 and abs(crop["mouth"]["y_px"] - 206) < 16
    summary = rows[-1]
    assert summary["type"] == "summary" and summary["crops"] == 12 and summary["gaps"] == []


def test_gaps(viseme, faces, tmp_path):
    folder = tmp_path / "in"
    shutil.copytree(faces, folder)
    for i in range(12, 37):
        pictures.write_png(folder / f"{i:03d}.png", pictures.wall())
    result = viseme("face", folder, "--json")
    rows = [strict(line) for line in result.out.splitlines()]
    held = [r["index"] for r in rows[:-1] if r["held"]]
    assert rows[-1]["crops"] == 37 and rows[-1]["crops_held"] == len(held) > 0
    assert held == list(range(held[0], 37))
    assert rows[-1]["gaps"] == [{"start_s": pytest.approx(held[0] / 25),
                                 "end_s": pytest.approx(37 / 25)}]


def test_crops(viseme, faces, weights, tmp_path):
    """The PNG crops and the array are the same pictures, and the network reads them the same."""
    result = viseme("face", faces, "--crops", "crops/", "--crops-npy", "x.npy", "-q")
    assert result.code == 0 and result.out == "" and result.err == ""
    names = sorted(os.listdir(tmp_path / "crops"))
    assert names == [f"{i:06d}.png" for i in range(12)]
    array = np.load(tmp_path / "x.npy")
    assert array.shape == (1, 3, 12, 64, 128) and array.dtype == np.float32
    for i, name in enumerate(names):
        bgr = pictures.read_png(tmp_path / "crops" / name)[:, :, ::-1]
        assert bgr.shape == (64, 128, 3)
        assert (array[0, :, i] == bgr.transpose(2, 0, 1).astype(np.float32) / np.float32(255)).all()
    viseme("read", "-m", weights, faces, "--emissions", "e.npy")
    viseme("run", weights, "-i", "x=x.npy", "-o", "logits=y.npy")
    difference = np.load(tmp_path / "e.npy") - np.load(tmp_path / "y.npy")[0]
    assert abs(difference).max() < 1e-5


def test_draw(viseme, faces, tmp_path):
    (tmp_path / "drawn").mkdir()  # an empty folder may be there already
    assert viseme("face", faces, "--draw", "drawn").code == 0
    names = sorted(os.listdir(tmp_path / "drawn"))
    assert len(names) == 12
    before = pictures.read_png(os.path.join(faces, "004.png"))
    after = pictures.read_png(tmp_path / "drawn" / names[4])
    assert before.shape == after.shape
    changed = (before != after).any(axis=2)
    assert 0 < changed.mean() < 0.05
    assert ((after == [0, 255, 0]).all(axis=2) | (after == [255, 0, 0]).all(axis=2))[changed].all()


def test_folder_in_use(viseme, faces, tmp_path):
    (tmp_path / "crops").mkdir()
    (tmp_path / "crops" / "mine.txt").write_text("keep")
    viseme("face", faces, "--crops", "crops").error(1, "crops", "not an empty folder")
    assert os.listdir(tmp_path / "crops") == ["mine.txt"]
    (tmp_path / "file").write_text("keep")
    viseme("face", faces, "--crops", "file").error(1, "file")
    viseme("face", faces, "--crops", "no/where").error(1, "no/where")
    assert sorted(os.listdir(tmp_path)) == ["crops", "file"]


def test_no_face(viseme, walls, cascade, tmp_path):
    result = viseme("face", walls, "--crops", "crops", "--draw", "drawn", "--crops-npy", "x.npy")
    result.error(4, walls)
    assert result.out == "" and os.listdir(tmp_path) == []
    result = viseme("face", walls, "--json")
    result.error(4)
    assert result.json()["error"] == "no_face"


def test_too_many_crops_for_an_array(viseme, faces, tmp_path):
    """1500 are the limit; 12 frames, ten seconds apart, make more."""
    result = viseme("face", faces, "--fps", 0.1, "--crops-npy", "x.npy", "-q")
    result.error(7, "1500")
    assert os.listdir(tmp_path) == []


def test_video(viseme, face_video):
    rows = [strict(line) for line in viseme("face", face_video, "--json").out.splitlines()]
    assert rows[-1]["frames"] == 12 and rows[-1]["crops"] == 12


def test_unreadable(viseme, cascade, tmp_path):
    viseme("face", "nothere.mp4", "--crops", "crops").error(3, "nothere.mp4")
    assert os.listdir(tmp_path) == []
