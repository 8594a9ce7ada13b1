"""YuNet and S3FD in PyTorch: the goldens of the stand-in weights, and the upstream outputs of
YuNet's original weights where ../shared has them."""
import json
import os

import numpy as np
import pytest
import torch

import architectures
import checkpoint
import seeded_weights
from conftest import GOLDENS, ROOT
from reference import s3fd, yunet

SHARED = os.path.join(ROOT, os.pardir, "shared")
NETWORKS = {"yunet": yunet, "s3fd": s3fd}


def network(arch, tensors):
    """In training PyTorch counts batches, which no weights file keeps."""
    net = NETWORKS[arch].from_config(architectures.ARCHITECTURES[arch].config)
    left = net.load_state_dict({n: torch.from_numpy(np.asarray(v)) for n, v in tensors.items()},
                               strict=False)
    assert not left.unexpected_keys
    assert all(name.endswith("num_batches_tracked") for name in left.missing_keys)
    return net


@pytest.mark.parametrize("arch", sorted(NETWORKS))
def test_seeded_golden(arch):
    with open(os.path.join(GOLDENS, arch, "manifest.json"), encoding="utf-8") as file:
        manifest = json.load(file)
    known = architectures.ARCHITECTURES[arch]
    shapes = known.parameters(known.config)
    assert {n: list(s) for n, s in shapes.items()} == manifest["parameters"]
    weights = seeded_weights.weights(arch)
    assert sum(w.size for w in weights.values()) == manifest["parameter_count"]
    net = network(arch, weights)
    taps = {}
    with torch.no_grad():
        outputs = net(torch.from_numpy(seeded_weights.network_input(arch, "x")), taps)
    assert set(outputs) == set(manifest["outputs"])
    for name, entry in manifest["outputs"].items():
        golden = np.load(os.path.join(GOLDENS, arch, entry["file"]))
        ours = outputs[name].numpy()
        limit = max(1e-5 * np.ptp(golden), 4 * entry["max_abs_diff_to_float64_run"])
        assert ours.shape == golden.shape and np.abs(ours - golden).max() <= limit
    for name, entry in manifest["taps"].items():
        assert list(taps[name].shape) == entry["shape"]
        assert abs(taps[name].double().mean() - entry["mean"]) <= 1e-5 * entry["std"]


def test_original_yunet(run_convert, tmp_path):
    """The whole training checkpoint of upstream: meta, state_dict, optimizer."""
    weights = os.path.join(SHARED, "weights", "third_party", "yunet_n.pth")
    if not os.path.exists(weights):
        pytest.skip("../shared/weights is not here")
    made = tmp_path / "yunet.safetensors"
    result = run_convert(weights, "-o", made)
    assert result.code == 0, result.err
    tensors, metadata, _ = checkpoint.read(checkpoint.open_bytes(made))
    assert metadata["viseme.arch"] == "yunet" and "viseme.vocab" not in metadata
    net = network("yunet", {n: t.f32() for n, t in tensors.items()})
    goldens = os.path.join(SHARED, "goldens", "yunet")
    x = np.load(os.path.join(goldens, "input.npz"))["input"].transpose(0, 3, 1, 2)
    with torch.no_grad():
        ours = net(torch.from_numpy(np.ascontiguousarray(x, np.float32)))
    for name in ("cls", "obj", "bbox", "kps"):
        joined = np.concatenate([ours[f"{name}_{stride}"].numpy() for stride in (8, 16, 32)], 1)
        golden = np.load(os.path.join(goldens, f"{name}.npy"))
        assert joined.shape == golden.shape and np.abs(joined - golden).max() <= 3e-5


def test_prefixes_and_what_is_fixed(run_convert, refused, tmp_path):
    """As nn.DataParallel saves them; the order of colours is not a choice."""
    saved = tmp_path / "net.pt"
    torch.save({"state_dict": {f"module.{n}": torch.from_numpy(v)
                               for n, v in seeded_weights.weights("yunet").items()}}, saved)
    made = tmp_path / "net.safetensors"
    result = run_convert(saved, "-o", made, "--dtype", "bf16")
    assert result.code == 0, result.err
    assert "yunet: " in result.out
    refused(saved, "pixel_order must be", code=2, options=("--config", '{"pixel_order": "x"}'))
