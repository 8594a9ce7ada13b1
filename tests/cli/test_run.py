"""viseme run, against the golden numbers and on wrong inputs."""
import json
import os
import subprocess

import numpy as np
import pytest

from conftest import GOLDENS, PROGRAM, SMALL, environment


@pytest.fixture
def short(tmp_path):
    """A short input, so that these runs are quick."""
    path = tmp_path / "short.npy"
    np.save(path, np.linspace(0, 1, 3 * 4 * 64 * 128, dtype=np.float32).reshape(1, 3, 4, 64, 128))
    return path


def test_golden(viseme, weights, network_input, tmp_path):
    result = viseme("run", weights, "-i", f"x={network_input}", "-o", "logits=y.npy", "--json")
    found = result.json()
    assert result.code == 0 and result.err == ""
    assert found["status"] == "ok" and found["arch"] == "lipnet"
    assert found["outputs"][0]["name"] == "logits" and found["outputs"][0]["file"] == "y.npy"
    got = np.load(tmp_path / "y.npy")
    want = np.load(os.path.join(GOLDENS, "lipnet", "logits.npy"))
    manifest = json.load(open(os.path.join(GOLDENS, "lipnet", "manifest.json")))
    error = manifest["outputs"]["logits"]["max_abs_diff_to_float64_run"]
    span = float(want.max() - want.min())
    assert got.shape == want.shape and got.dtype == np.float32
    assert list(got.shape) == found["outputs"][0]["shape"]
    assert abs(got - want).max() <= max(1e-5 * span, 4 * error)


def test_list_and_standard_output(viseme, weights, short):
    result = viseme("run", weights, "-i", f"x={short}")
    assert result.code == 0 and result.out.startswith("logits [1 4 28] from ")
    raw = subprocess.run([PROGRAM, "run", weights, "-i", f"x={short}", "-o", "logits=-"],
                         env=environment(), stdout=subprocess.PIPE, check=True).stdout
    assert raw.startswith(b"\x93NUMPY") and len(raw) == 128 + 4 * 4 * 28


def test_threads_levels_and_repeats(viseme, weights, short, tmp_path):
    """The same bits for any number of threads; close for any level."""
    levels = viseme("version", "--json").json()["cpu_levels"]
    for level in levels:
        outputs = []
        for threads in (1, 2) if SMALL else (1, 2, 3):
            result = viseme("run", weights, "-i", f"x={short}", "-o", "logits=y.npy", "-t",
                            threads, "--cpu", level, "--repeat", 2)
            assert result.code == 0 and "2 runs: fastest" in result.out
            outputs.append(np.load(tmp_path / "y.npy"))
        assert all((o == outputs[0]).all() for o in outputs)
        if level == levels[0]:
            plain = outputs[0]
        assert abs(outputs[0] - plain).max() < 1e-4


def test_profile(viseme, weights, short):
    result = viseme("run", weights, "-i", f"x={short}", "--profile", "--json")
    assert result.code == 0 and result.json()["runs"] == 1
    assert result.err.startswith("node ") and "\nconv1 " in result.err
    assert "running memory" in result.err


@pytest.mark.parametrize("args, code, words", [
    ([], 2, ["input 'x' is missing"]),
    (["-i", "y=short.npy"], 2, ["no input 'y'", "it has x"]),
    (["-i", "x=short.npy", "-o", "z=z.npy"], 2, ["no output 'z'", "logits"]),
    (["-i", "x=nothere.npy"], 3, ["nothere.npy"]),
    (["-i", "x=text.npy"], 3, ["text.npy"]),
    (["-i", "x=flat.npy"], 2, ["x"]),
    (["-i", "x=short.npy", "-o", "logits=no/where.npy"], 1, ["no/where.npy"]),
    (["-i", "x=short.npy", "-o", "logits=/dev/full"], 1, ["/dev/full"]),
])
def test_refusals(viseme, weights, short, tmp_path, args, code, words):
    (tmp_path / "text.npy").write_text("not an array\n")
    np.save(tmp_path / "flat.npy", np.zeros((3, 64), np.float32))
    before = set(os.listdir(tmp_path))
    result = viseme("run", weights, *args)
    result.error(code, *words)
    assert result.out == "" and set(os.listdir(tmp_path)) == before


def test_not_finite_input(viseme, weights, tmp_path):
    """NaN travels to the output, and JSON says so without holding one."""
    np.save(tmp_path / "nan.npy", np.full((1, 3, 2, 64, 128), np.nan, np.float32))
    found = viseme("run", weights, "-i", "x=nan.npy", "--json").json()
    assert found["outputs"][0]["not_finite"] == 2 * 28
    assert found["outputs"][0]["min"] is None
