"""The sync networks through `viseme run`: parts alone, whole clips and windows against the goldens
of ../shared, where they are."""
import json
import os
import subprocess
import sys

import numpy as np
import pytest

from conftest import ROOT, SMALL

TOOLS = os.path.join(ROOT, "weights-tools")
SHARED = os.path.join(ROOT, os.pardir, "shared", "goldens")


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    path = tmp_path_factory.mktemp("sync") / "syncnet.safetensors"
    subprocess.run([sys.executable, os.path.join(TOOLS, "seeded_weights.py"), "syncnet", "-o",
                    path], check=True)
    return path


def seeded_input(name, shape, low, high):
    sys.path.insert(0, TOOLS)
    from reference import seeded
    return seeded.seeded_input(name, shape, low, high)


def test_parts_of_a_network(viseme, weights, tmp_path):
    x = np.zeros((3, 1, 13, 20), np.float32)
    np.save(tmp_path / "aud.npy", x)
    result = viseme("run", weights, "-i", "aud=aud.npy", "-o", "aud_embedding=y.npy", "--json")
    assert [o["name"] for o in result.json()["outputs"]] == ["aud_embedding"]
    assert np.load(tmp_path / "y.npy").shape == (3, 1024)
    viseme("run", weights, "-i", "aud=aud.npy", "-o", "lip_embedding=z.npy").error(
        2, "the last run had no input that the output \"lip_embedding\" follows from")
    assert not (tmp_path / "z.npy").exists()
    viseme("run", weights).error(2, "the input 'lip' is missing: -i lip=FILE")
    viseme("run", weights, "-i", "mel=aud.npy").error(2, "no input 'mel'; it has lip, aud")


@pytest.mark.skipif(not os.path.isdir(SHARED), reason="no ../shared")
def test_windows_of_the_golden(viseme, weights, tmp_path):
    """70 windows of MFCC, and a clip of 9 frames in one pass, whose golden was made window by
    window."""
    folder = os.path.join(SHARED, "syncnet")
    with open(os.path.join(folder, "manifest.json"), encoding="utf-8") as file:
        manifest = json.load(file)
    mfcc = np.load(os.path.join(SHARED, "mfcc", "mfcc.npy")).astype(np.float32)
    windows = np.stack([mfcc[4 * v:4 * v + 20].T for v in range(70)])[:, None]
    np.save(tmp_path / "aud.npy", np.ascontiguousarray(windows))
    given = manifest["inputs"]["frames"]
    np.save(tmp_path / "lip.npy", seeded_input(given["seed"], given["shape"], given["low"],
                                               given["high"]))
    parts = {"aud": [("aud_embedding", "aud_windows")],
             "lip": [("lip_embedding", "lip_windows"), ("lip_feature", "lipfeat_windows")]}
    for part in ["aud"] if SMALL else ["aud", "lip"]:
        outputs = [w for name, _ in parts[part] for w in ("-o", f"{name}={name}.npy")]
        result = viseme("run", weights, "-i", f"{part}={part}.npy", *outputs)
        assert result.code == 0, result.err
        for name, file in parts[part]:
            golden = np.load(os.path.join(folder, f"{file}.npy"))
            ours = np.load(tmp_path / f"{name}.npy").reshape(golden.shape)
            e = manifest["outputs"][file].get("float32_vs_float64_max_abs", 2.2e-5)
            assert np.abs(ours - golden).max() <= max(1e-5 * np.ptp(golden), 4 * e)
