"""The original Keras LipNet through the program: what runs, and what is refused."""
import json
import os
import subprocess
import sys

import numpy as np
import pytest

from conftest import GOLDENS, ROOT

GOLDEN = os.path.join(GOLDENS, "lipnet_keras")


@pytest.fixture(scope="module")
def keras(tmp_path_factory):
    """Seeded weights and the golden's input."""
    folder = tmp_path_factory.mktemp("keras")
    tool = [sys.executable, os.path.join(ROOT, "weights-tools", "seeded_weights.py"),
            "lipnet_keras"]
    subprocess.run([*tool, "-o", folder / "w.safetensors"], check=True)
    subprocess.run([*tool, "--input", "x", "-o", folder / "x.npy"], check=True)
    return folder


def test_run(viseme, keras, tmp_path):
    result = viseme("run", keras / "w.safetensors", "-i", f"x={keras / 'x.npy'}", "-o",
                    "logits=logits.npy", "-o", "probs=probs.npy")
    assert result.code == 0, result.err
    with open(os.path.join(GOLDEN, "manifest.json"), encoding="utf-8") as file:
        facts = json.load(file)["outputs"]
    for name in ("logits", "probs"):
        golden = np.load(os.path.join(GOLDEN, f"{name}.npy"))
        span = np.ptp(golden)
        limit = max(1e-5, 4 * facts[name]["max_abs_diff_to_float64_run"] / span) * span
        assert np.abs(np.load(tmp_path / f"{name}.npy") - golden).max() <= limit


def test_read_is_refused(viseme, keras, walls, cascade):
    viseme("read", "-m", keras / "w.safetensors", "--cascade", cascade, walls).error(
        6, "lipnet_keras", "50 x 100", "viseme run")


def test_height_before_width_is_refused(viseme, keras, tmp_path):
    np.save(tmp_path / "x.npy", np.zeros((1, 5, 50, 100, 3), np.float32))
    viseme("run", keras / "w.safetensors", "-i", "x=x.npy", "-o", "logits=y.npy").error(
        2, "[1 5 50 100 3]", "[N T 100 50 3]")
