"""BlazeFace and FaceMesh in PyTorch: the goldens of the stand-in weights, and the upstream outputs
of the original weights where ../shared has them."""
import json
import os

import numpy as np
import pytest
import torch

import architectures
import checkpoint
import seeded_weights
from conftest import GOLDENS, ROOT
from reference import run

SHARED = os.path.join(ROOT, os.pardir, "shared")
# Upstream's own error, float32 against float64; ours may be four times as far from it.
REAL = {
    "blazeface": ("blazeface.pth", "input.npy", {"raw_boxes": 1.2e-4, "raw_scores": 1.1e-4}),
    "facemesh": ("blazeface_landmark.pth", "crop.npy",
                 {"raw": 7.5e-7, "flag": 1e-9, "flag_logit": 2.5e-5}),
}


def network(arch, tensors):
    module = __import__(f"reference.{arch}", fromlist=["from_config"])
    net = module.from_config(architectures.ARCHITECTURES[arch].config)
    net.load_state_dict({n: torch.from_numpy(np.asarray(v)) for n, v in tensors.items()})
    return net


@pytest.mark.parametrize("arch", sorted(REAL))
def test_seeded_golden(arch):
    with open(os.path.join(GOLDENS, arch, "manifest.json"), encoding="utf-8") as file:
        manifest = json.load(file)
    known = architectures.ARCHITECTURES[arch]
    shapes = known.parameters(known.config)
    assert {n: list(s) for n, s in shapes.items()} == manifest["parameters"]
    net = network(arch, seeded_weights.weights(arch))
    assert list(net.state_dict()) == list(shapes)
    taps = {}
    with torch.no_grad():
        outputs = net(torch.from_numpy(seeded_weights.network_input(arch, "x")), taps)
    for name, entry in manifest["outputs"].items():
        golden = np.load(os.path.join(GOLDENS, arch, entry["file"]))
        ours = outputs[name].numpy()
        limit = max(1e-5 * np.ptp(golden), 4 * entry["max_abs_diff_to_float64_run"])
        assert ours.shape == golden.shape and np.abs(ours - golden).max() <= limit
    for name, entry in manifest["taps"].items():
        assert list(taps[name].shape) == entry["shape"]
        assert abs(taps[name].double().mean() - entry["mean"]) <= 1e-5 * entry["std"]


@pytest.mark.parametrize("arch", sorted(REAL))
def test_original_weights(arch, run_convert, tmp_path):
    file, pictures, outputs = REAL[arch]
    weights = os.path.join(SHARED, "weights", "third_party", file)
    if not os.path.exists(weights):
        pytest.skip("../shared/weights is not here")
    made = tmp_path / "made.safetensors"
    result = run_convert(weights, "-o", made, "--license", "Apache-2.0", "--source", "MediaPipe")
    assert result.code == 0, result.err
    tensors, metadata, _ = checkpoint.read(checkpoint.open_bytes(made))
    known = architectures.ARCHITECTURES[arch]
    assert {n: t.shape for n, t in tensors.items()} == known.parameters(known.config)
    assert metadata["viseme.arch"] == arch and metadata["viseme.license"] == "Apache-2.0"
    assert json.loads(metadata["viseme.config"]) == known.config
    assert "viseme.vocab" not in metadata
    x = np.load(os.path.join(SHARED, "goldens", arch, pictures))
    x = np.ascontiguousarray(x.transpose(0, 3, 1, 2), np.float32) / np.float32(255)
    ours = run.run(run.load(arch, made), x)
    for name, error in outputs.items():
        golden = np.load(os.path.join(SHARED, "goldens", arch, f"{name}.npy"))
        assert ours[name].shape == golden.shape and np.abs(ours[name] - golden).max() <= 4 * error


def test_no_vocabulary(refused, tmp_path):
    weights = tmp_path / "w.safetensors"
    seeded_weights.write_weights("blazeface", weights, "F32")
    vocab = tmp_path / "v.json"
    vocab.write_text("[]")
    refused(weights, "no vocabulary", code=2, options=("--vocab", vocab))
    refused(weights, "input_size must be 128", code=2,
            options=("--config", '{"input_size": 256}'))
