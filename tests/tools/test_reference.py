"""Our PyTorch networks and the seeded weights against the golden numbers."""
import json
import os
import subprocess
import sys

import numpy as np
import pytest
import torch

import architectures
import checkpoint
import seeded_weights
from conftest import GOLDENS, TOOLS
from reference import lipnet, run, seeded

LIPNET = os.path.join(GOLDENS, "lipnet")
# float32 against float64 of the golden itself; ours may differ by 4 times that.
LIPNET_ERROR = 1.6129e-6
# First values that the seeding recipe gives.
FC_BIAS = [-0.09070369, -0.02616930, -0.05515962]
FC_WEIGHT = [0.06590108, -0.06966274, 0.01963816]


@pytest.fixture(scope="module")
def manifest():
    with open(os.path.join(LIPNET, "manifest.json"), encoding="utf-8") as file:
        return json.load(file)


@pytest.fixture(scope="module")
def net(state):
    made = lipnet.from_config(architectures.LIPNET_CONFIG)
    made.load_state_dict({n: torch.from_numpy(v) for n, v in state.items()})
    return made


def test_names_and_shapes(manifest):
    expected = {n: tuple(s) for n, s in manifest["parameters"].items()}
    known = architectures.ARCHITECTURES["lipnet"]
    assert known.parameters(known.config) == expected
    built = {n: tuple(v.shape) for n, v in lipnet.LipNet().state_dict().items()}
    assert built == expected
    assert list(built) == list(expected)
    assert sum(v.numel() for v in lipnet.LipNet().parameters()) == manifest["parameter_count"]
    shape, low, high = seeded_weights.INPUTS["lipnet"]["x"]
    entry = manifest["inputs"]["x"]
    assert (list(shape), low, high) == (entry["shape"], entry["low"], entry["high"])


def test_lipnet_golden(net, manifest):
    taps = {}
    with torch.no_grad():
        x = torch.from_numpy(seeded_weights.network_input("lipnet", "x"))
        logits = net(x, taps).numpy()
    golden = np.load(os.path.join(LIPNET, "logits.npy"))
    limit = max(1e-5, 4 * LIPNET_ERROR) * np.ptp(golden)
    assert logits.shape == golden.shape
    assert np.abs(logits - golden).max() <= limit
    stored = np.load(os.path.join(LIPNET, "taps.npz"))
    for name, entry in manifest["taps"].items():
        values = taps[name].numpy()
        assert list(values.shape) == entry["shape"]
        np.testing.assert_allclose(values.ravel()[:64], stored[f"{name}.first64"], atol=2e-5)
        np.testing.assert_allclose(values.mean(dtype=np.float64), stored[f"{name}.mean"], atol=1e-5)
        np.testing.assert_allclose(values.std(dtype=np.float64), stored[f"{name}.std"], atol=1e-5)


def test_any_number_of_frames(net):
    for frames in (1, 2, 7):
        out = run.run(net, seeded.seeded_input("frames", (1, 3, frames, 64, 128)))
        assert out.shape == (1, frames, 28) and np.isfinite(out).all()


def test_seeded_recipe():
    """A few values written down, so that the recipe cannot drift."""
    np.testing.assert_allclose(seeded.seeded_param("FC.bias", (28,))[:3], FC_BIAS, atol=1e-7)
    np.testing.assert_allclose(seeded.seeded_param("FC.weight", (28, 512))[0, :3], FC_WEIGHT,
                               atol=1e-7)
    assert seeded.seeded_param("n.num_batches_tracked", ()).dtype == np.int64
    variance = seeded.seeded_param("n.running_var", (1000,))
    assert 1 <= variance.min() and variance.max() < 1.1001
    assert abs(seeded.seeded_param("n.running_mean", (1000,)).std() - 0.1) < 0.01
    assert abs(seeded.seeded_param("n.weight", (1000,)).mean() - 1) < 0.01


def test_programs(state, tmp_path):
    """seeded_weights.py and run.py from the command line give the golden's logits."""
    def call(program, *arguments):
        subprocess.run([sys.executable, os.path.join(TOOLS, program), *arguments], cwd=tmp_path,
                       check=True)
    call("seeded_weights.py", "lipnet", "-o", "w.safetensors")
    call("seeded_weights.py", "lipnet", "--input", "x", "-o", "x.npy")
    call("reference/run.py", "lipnet", "w.safetensors", "--input", "x.npy", "--output", "y.npy")
    golden = np.load(os.path.join(LIPNET, "logits.npy"))
    assert np.abs(np.load(tmp_path / "y.npy") - golden).max() <= 1e-5 * np.ptp(golden)
    tensors, metadata, kind = checkpoint.read(checkpoint.open_bytes(tmp_path / "w.safetensors"))
    assert kind == "safetensors" and metadata["viseme.arch"] == "lipnet"
    for name, value in state.items():
        np.testing.assert_array_equal(tensors[name].f32(), value)
    failed = subprocess.run([sys.executable, os.path.join(TOOLS, "seeded_weights.py"), "lipnet",
                             "--input", "y", "-o", "y"], cwd=tmp_path, capture_output=True,
                            text=True)
    assert failed.returncode == 2 and "no input y" in failed.stderr
