"""The sync networks in PyTorch against their goldens; checkpoints of any width and layout through
the converter."""
import json
import os

import numpy as np
import pytest
import torch

import architectures
import checkpoint
import seeded_weights
import sync_networks
from conftest import GOLDENS, ROOT
from reference import run, seeded, syncnet

SHARED = os.path.join(ROOT, os.pardir, "shared", "goldens")
NARROW = {"lip_widths": [4, 6, 5, 7, 6, 8], "aud_widths": [5, 4, 6, 7, 5, 9],
          "head_widths": [6, 10]}
CLS = {"matrix": 6, "cls_widths": [5, 4, 3], "offsets": 7}
CONFIGS = {
    "syncnet": ("syncnet", NARROW),
    "s": ("synce2e", {**NARROW, "matrix": 0}),
    "s_and_classifier": ("synce2e", {**NARROW, **CLS}),
    "fbank": ("synce2e", {**NARROW, "audio_trunk": "fbank"}),
    "fbank_and_classifier": ("synce2e", {**NARROW, **CLS, "audio_trunk": "fbank"}),
    "classifier": ("synce2e_cls", CLS),
}


def network(arch, config, state):
    net = __import__(f"reference.{arch}", fromlist=["from_config"]).from_config(config)
    run.load_into(net, state)
    return net


@pytest.mark.parametrize("name", ["syncnet", "synce2e", "synce2e_fbank", "synce2e_cls_n7",
                                  "synce2e_cls_n16"])
def test_golden(name):
    arch, config = seeded_weights.settled(name)
    net = network(arch, config, seeded_weights.weights(name))
    with open(os.path.join(GOLDENS, name, "manifest.json"), encoding="utf-8") as file:
        manifest = json.load(file)
    assert manifest["config"] == config
    outputs = run.run(net, {x: seeded_weights.network_input(name, x) for x in manifest["inputs"]})
    for key, entry in manifest["outputs"].items():
        golden = np.load(os.path.join(GOLDENS, name, entry["file"]))
        limit = max(1e-5 * np.ptp(golden), 4 * entry["max_abs_diff_to_float64_run"])
        assert outputs[key].shape == golden.shape
        assert np.abs(outputs[key] - golden).max() <= limit
    if "lip_embedding" in outputs and "matrix" in manifest["inputs"]:
        ours = syncnet.similarity(*(torch.from_numpy(outputs[f"{key}_embedding"].reshape(11, -1))
                                    for key in ("aud", "lip"))).numpy()
        assert np.abs(ours - np.load(os.path.join(GOLDENS, name, "matrix.npy"))).max() <= 2e-6


@pytest.mark.parametrize("layout", ["all", "no_batches", "wrapped"])
@pytest.mark.parametrize("name", sorted(CONFIGS))
def test_narrow_checkpoints(name, layout, run_convert, tmp_path):
    """Which network it is and its widths come from names and shapes."""
    arch, changes = CONFIGS[name]
    known = architectures.ARCHITECTURES[arch]
    config = {**known.config, **changes}
    state = seeded.seeded_state(known.parameters(config))
    saved = dict(network(arch, config, state).state_dict())
    if layout == "no_batches":  # as the published file of SyncNet
        saved = {n: t for n, t in saved.items() if not n.endswith(".num_batches_tracked")}
    if layout == "wrapped":
        saved = {"state_dict": {"module." + n: t for n, t in saved.items()}}
    path, made = tmp_path / "syncnet_v2.model", tmp_path / "w.safetensors"
    torch.save(saved, path)
    result = run_convert(path, "-o", made, "--json")
    assert result.code == 0, result.err
    assert json.loads(result.out)["arch"] == arch
    tensors, metadata, _ = checkpoint.read(checkpoint.open_bytes(made))
    written = json.loads(metadata["viseme.config"])
    if "aud_widths" in config and config["matrix" if "matrix" in config else "frame_size"] == 0:
        config = {**config, "cls_widths": known.config["cls_widths"]}
    assert written == config
    for key, value in state.items():
        np.testing.assert_array_equal(tensors[key].f32(), value, err_msg=key)


@pytest.mark.parametrize("arch", ["syncnet", "synce2e", "synce2e_cls"])
def test_the_usual_size_is_recognised(arch):
    known = architectures.ARCHITECTURES[arch]
    shapes = known.parameters(known.config)
    assert architectures.recognise(shapes) == arch
    assert architectures.settle_config(arch, shapes, {}) == known.config
    architectures.compare(arch, known.config, shapes)


def test_other_sizes_of_frames_are_stated(run_convert, refused, tmp_path):
    config = {**sync_networks.SYNCNET_CONFIG, **NARROW, "frame_size": 128}
    path = tmp_path / "w.npz"
    np.savez(path, **seeded.seeded_state(sync_networks.syncnet_parameters(config)))
    refused(path, "netcnnlip.18.weight is [8, 6, 1, 3, 3] and should be [8, 6, 1, 6, 6]")
    refused(path, "frame_size must be a whole number from 64 to 512", code=2,
            options=("--config", '{"frame_size": 10}'))
    refused(path, "lip_widths must be a list of 6 whole numbers", code=2,
            options=("--config", '{"lip_widths": [1]}'))
    refused(path, 'pixel_order must be "bgr" or "rgb"', code=2,
            options=("--config", '{"pixel_order": "grb"}'))
    assert run_convert(path, "-o", tmp_path / "w", "--config", '{"frame_size": 128}').code == 0


def test_whole_clips_are_windows():
    """The lip stream over a clip is that of its windows; the sizes of maps are as stated."""
    net = syncnet.SyncNet(NARROW["lip_widths"], NARROW["aud_widths"], NARROW["head_widths"],
                          frame_size=96).eval()
    assert syncnet.lip_map(96) == sync_networks.lip_map(96) == 2
    x = torch.rand(1, 3, 7, 96, 96)
    with torch.no_grad():
        whole, _ = net.forward_lip(x)
        for t in range(3):
            assert (net.forward_lip(x[:, :, t:t + 5])[0] - whole[:, t:t + 1]).abs().max() <= 1e-5
    features = torch.arange(2 * 3 * 28).reshape(2, 3, 28)
    windows = syncnet.audio_windows(features)
    assert windows.shape == (2, 3, 3, 20)
    assert torch.equal(windows[1, 2], features[1, :, 8:28])


@pytest.mark.skipif(not os.path.isdir(SHARED), reason="no ../shared")
def test_the_fbank_original():
    """Of syncnet_trainer's network the trunk and the head on isolated windows."""
    folder = os.path.join(SHARED, "syncnet_fbank")
    with open(os.path.join(folder, "manifest.json"), encoding="utf-8") as file:
        manifest = json.load(file)
    state = seeded.seeded_state({n: s for n, s in manifest["parameters"].items()
                                 if not n.startswith(("netfcspk", "netfcface", "torchfb"))
                                 and not n.endswith("num_batches_tracked")},
                                {n: t for n, t in np.load(os.path.join(
                                    folder, "overrides.npz")).items()
                                 if n in manifest["parameters"]
                                 and not n.startswith(("netfcspk", "netfcface"))})
    state = {n: t[..., 0] if n.startswith("netfc") and t.ndim == 3 else t
             for n, t in state.items()}
    config = {**sync_networks.SYNCE2E_CONFIG, "audio_trunk": "fbank",
              "aud_widths": sync_networks.FBANK_WIDTHS}
    given = manifest["inputs"]["mel40x20"]
    x = seeded.seeded_input(given["seed"], given["shape"], given["low"], given["high"])
    ours = run.run(network("synce2e", config, state), {"aud": x})["aud_embedding"]
    golden = np.load(os.path.join(folder, "mel40x20_content.npy"))[..., 0]
    assert np.abs(ours - golden).max() <= 1e-5 * np.ptp(golden)
