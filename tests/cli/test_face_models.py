"""--face-model yunet and s3fd: YuNet on real faces where its weights are, S3FD with weights made
by hand that see red squares as faces."""
import os
import subprocess
import sys

import numpy as np
import pytest

import pictures
from conftest import CLIPS, ROOT, SMALL, strict

sys.path.insert(0, os.path.join(ROOT, "weights-tools"))
import face_detectors  # noqa: E402
import safetensors_io  # noqa: E402
from tensors import StoredTensor  # noqa: E402

SHARED = os.path.join(ROOT, os.pardir, "shared")
THIRD_PARTY = os.path.join(SHARED, "weights", "third_party")
FRAMES = os.path.join(SHARED, "goldens", "faces")


def rows_of(result):
    assert result.code == 0, result.err
    return [strict(line) for line in result.out.splitlines()]


def tool(program, *args):
    subprocess.run([sys.executable, os.path.join(ROOT, "weights-tools", program), *map(str, args)],
                   check=True, stdout=subprocess.DEVNULL)


# ---- what is not there, or not what it should be

@pytest.mark.parametrize("model", ["yunet", "s3fd"])
def test_weights_for_the_role(viseme, walls, tmp_path, model):
    env = {"VISEME_WEIGHTS": str(tmp_path)}
    path = tmp_path / f"{model}.safetensors"

    def refused(*words):
        viseme("face", walls, "--face-model", model, env=env).error(6, path.name, *words)

    refused("--face-model haar")
    path.write_text("not weights")
    refused()
    tool("seeded_weights.py", "blazeface", "-o", path)
    refused("blazeface", model)
    viseme("face", walls, "--face-model", model, "--cascade", "x").error(2, "--cascade", model)


# ---- S3FD

def red_square_finder(path):
    """An S3FD whose third level sees a face where 3 x 3 of its cells are red: it passes redness and
    a constant on through its first 13 convolutions."""
    shapes = face_detectors.s3fd_parameters({})
    tensors = {name: np.zeros(shape, np.float32) for name, shape in shapes.items()}
    for i, (_out, depth) in enumerate(face_detectors.S3FD_BLOCKS, 1):
        for k in range(1, depth + 1):
            for channel in (0, 1) if (i, k) != (1, 1) else ():
                tensors[f"conv{i}_{k}.weight"][channel, channel, 1, 1] = 1
    tensors["conv1_1.weight"][0, :, 1, 1] = 0.01, -0.005, -0.005
    tensors["conv1_1.bias"][:2] = -0.5, 1
    for name in ("conv3_3_norm", "conv4_3_norm", "conv5_3_norm"):
        tensors[f"{name}.weight"][:] = 10
    for name in face_detectors.S3FD_LEVELS:
        tensors[f"{name}_mbox_conf.bias"][:-1] = 10  # background
    tensors["conv5_3_norm_mbox_conf.bias"][:] = 0, -75
    tensors["conv5_3_norm_mbox_conf.weight"][1, 0] = 1  # nearly 9 where a cell is red
    stored = {name: StoredTensor(value.tobytes, value.size, "F32", value.shape)
              for name, value in tensors.items()}
    safetensors_io.write(path, stored, "F16", {
        "viseme.format": "1", "viseme.arch": "s3fd", "viseme.config": '{"pixel_order":"rgb"}'})


@pytest.fixture(scope="module")
def red_squares(tmp_path_factory):
    folder = tmp_path_factory.mktemp("s3fd")
    red_square_finder(folder / "s3fd.safetensors")
    return {"VISEME_WEIGHTS": str(folder)}


def draw_square(path, x, y, width=360, height=288, scale=1, colour=(250, 20, 20)):
    picture = np.full((height, width, 3), 110, np.uint8)
    picture[y:y + 64, x:x + 64] = colour
    pictures.write_png(path, picture.repeat(scale, 0).repeat(scale, 1))


@pytest.mark.parametrize("scale, width, height", [(1, 360, 288), (6, 640, 360)][:1 if SMALL else 2])
def test_s3fd_finds_what_its_weights_see(viseme, red_squares, tmp_path, scale, width, height):
    """As it is, and in 4K, which is made smaller."""
    path = tmp_path / "red.png"
    draw_square(path, 128, 96, width, height, scale)
    row = rows_of(viseme("face", path, "--face-model", "s3fd", "--json", env=red_squares))[0]
    box = row["box"]
    assert [box[k] / scale for k in ("x_px", "y_px", "width_px", "height_px")] == pytest.approx(
        [120, 88, 64, 64], abs=1)
    assert row["confidence"] > 0.9


@pytest.mark.skipif(SMALL, reason="S3FD is slow")
def test_s3fd_takes_red_for_red(viseme, red_squares, tmp_path):
    for i in range(3):
        draw_square(tmp_path / f"{i}.png", 128, 96, colour=(20, 20, 250))
    found = viseme("face", tmp_path, "--face-model", "s3fd", env=red_squares)
    found.error(4, "no face")


@pytest.mark.skipif(SMALL, reason="S3FD is slow")
def test_s3fd_two_faces(viseme, red_squares, tmp_path):
    for i in range(3):
        picture = np.full((288, 360, 3), 110, np.uint8)
        for x, y in ((32, 96), (240, 128)):
            picture[y:y + 64, x:x + 64] = 250, 20, 20
        pictures.write_png(tmp_path / f"{i}.png", picture)
    rows = rows_of(viseme("face", tmp_path, "--face-model", "s3fd", "--json", "--face", 2,
                          env=red_squares))
    assert [f["id"] for f in rows[0]["faces"]] == [1, 2]
    assert rows[0]["id"] == 2 and abs(rows[0]["box"]["x_px"] - 232) < 1
    assert rows[-1]["face"]["model"] == "s3fd"


# ---- YuNet

@pytest.fixture(scope="module")
def networks(tmp_path_factory):
    """A folder with YuNet, BlazeFace and FaceMesh, converted."""
    if not os.path.isdir(THIRD_PARTY):
        pytest.skip("../shared/weights is not here")
    folder = tmp_path_factory.mktemp("networks")
    for source, name in (("yunet_n.pth", "yunet"), ("blazeface.pth", "blazeface"),
                         ("blazeface_landmark.pth", "facemesh")):
        tool("convert.py", os.path.join(THIRD_PARTY, source), "-o", folder / f"{name}.safetensors")
    return {"VISEME_WEIGHTS": str(folder)}


@pytest.fixture(scope="module")
def frames():
    """Six real frames, [288 360 3] each."""
    if not os.path.isdir(FRAMES):
        pytest.skip("../shared/goldens is not here")
    return [pictures.read_png(os.path.join(FRAMES, name)) for name in sorted(os.listdir(FRAMES))
            if name.endswith(".png")]


def mouths(rows):
    return np.array([[r["mouth"]["x_px"], r["mouth"]["y_px"]] for r in rows[:-1]])


@pytest.mark.parametrize("clip", ["s1_pgay3a.mpg", "s26_swiz3n.mpg"])
def test_yunet_agrees_with_facemesh(viseme, networks, has_video, clip):
    path = os.path.join(CLIPS, clip)
    if not os.path.exists(path):
        pytest.skip("../shared/clips is not here")
    ours, theirs = (rows_of(viseme("face", path, "--json", "--face-model", model, env=networks))
                    for model in ("yunet", "facemesh"))
    assert ours[-1]["crops_held"] == 0 and len(ours[-1]["tracks"]) == 1
    off = np.sqrt(((mouths(ours) - mouths(theirs)) ** 2).sum(1))
    assert off.mean() < 4 and off.max() < 8


def test_yunet_two_faces_and_none(viseme, networks, frames, walls, tmp_path):
    for i in range(3):
        pictures.write_png(tmp_path / f"{i}.png", np.concatenate([frames[0], frames[3]], 1))
    for number, x in ((1, 155), (2, 360 + 165)):
        rows = rows_of(viseme("face", tmp_path, "--face-model", "yunet", "--json", "--face", number,
                              env=networks))
        assert rows[0]["id"] == number and len(rows[0]["faces"]) == 2
        assert abs(rows[0]["mouth"]["x_px"] - x) < 30
    viseme("face", walls, "--face-model", "yunet", env=networks).error(4, "no face")


@pytest.mark.parametrize("scale, width, height", [(10, 3840, 2880), (1, 1280, 720)])
def test_yunet_sizes(viseme, networks, frames, tmp_path, scale, width, height):
    """A face of 4K, and one of a tenth of the frame's height."""
    frame = frames[0].repeat(scale, 0).repeat(scale, 1) if scale > 1 else frames[0][::2, ::2]
    picture = np.full((height, width, 3), 110, np.uint8)
    picture[:frame.shape[0], :frame.shape[1]] = frame
    pictures.write_png(tmp_path / "0.png", picture)
    unit = scale if scale > 1 else 0.5
    row = rows_of(viseme("face", tmp_path, "--face-model", "yunet", "--json", env=networks))[0]
    assert abs(row["mouth"]["x_px"] / unit - 158) < 8 and abs(row["mouth"]["y_px"] / unit - 217) < 8


@pytest.mark.parametrize("width, height", [(1, 1), (5, 300), (40, 30)])
def test_yunet_tiny_pictures(viseme, networks, tmp_path, width, height):
    pictures.write_png(tmp_path / "0.png", np.full((height, width, 3), 77, np.uint8))
    viseme("face", tmp_path, "--face-model", "yunet", env=networks).error(4, "no face")
