"""Wav2Lip's networks in PyTorch against the original's goldens; checkpoints as the authors write
them, of other widths, and TorchScript archives through the converter."""
import json
import os

import numpy as np
import pytest
import torch

import architectures
import checkpoint
import seeded_weights
import wav2lip_networks
from conftest import GOLDENS
from reference import run, seeded
from reference.syncnet_color import SyncNetColor
from reference.wav2lip import Wav2Lip
from reference.wav2lip_disc import Discriminator

NETWORKS = {"wav2lip": Wav2Lip, "wav2lip_disc": Discriminator, "syncnet_color": SyncNetColor}
NARROW = {
    "wav2lip": {"face_widths": [4, 6, 8, 10, 12, 14, 16], "face_residuals": [1, 0, 2, 1, 3, 0],
                "audio_widths": [4, 6, 8, 12, 20], "decoder_widths": [18, 16, 14, 12, 10, 8, 6],
                "decoder_residuals": [1, 0, 2, 1, 0, 1, 3], "output_width": 5},
    "wav2lip_disc": {"widths": [4, 6, 8, 10, 12, 14, 16]},
    "syncnet_color": {"face_widths": [4, 6, 8, 12, 16, 16, 20], "audio_widths": [4, 6, 8, 12, 20]},
}


def seeded_net(arch, config):
    """The network with that config and drawn weights, and the weights."""
    net = __import__(f"reference.{arch}", fromlist=["from_config"]).from_config(config)
    state = seeded.seeded_state(architectures.ARCHITECTURES[arch].parameters(config))
    run.load_into(net, state)
    return net, state


def narrow_config(arch):
    return {**architectures.ARCHITECTURES[arch].config, **NARROW[arch]}


def inputs_of(arch):
    return {name: seeded_weights.network_input(arch, name)
            for name in seeded_weights.INPUTS[arch]}


@pytest.mark.parametrize("arch", sorted(NETWORKS))
def test_golden(arch):
    with open(os.path.join(GOLDENS, arch, "manifest.json"), encoding="utf-8") as file:
        manifest = json.load(file)
    known = architectures.ARCHITECTURES[arch]
    shapes = known.parameters(known.config)
    assert {n: list(s) for n, s in shapes.items()} == manifest["parameters"]
    net = NETWORKS[arch]().eval()
    assert [n for n in net.state_dict() if not n.endswith(".num_batches_tracked")] == list(shapes)
    run.load_into(net, seeded_weights.weights(arch))
    taps = {}
    with torch.no_grad():
        outputs = net(**{n: torch.from_numpy(x) for n, x in inputs_of(arch).items()}, taps=taps)
    if arch == "wav2lip":
        outputs = {"frames": outputs}
    for name, entry in manifest["outputs"].items():
        golden = np.load(os.path.join(GOLDENS, arch, entry["file"]))
        ours = outputs[name].numpy()
        limit = max(1e-5 * np.ptp(golden), 4 * entry["max_abs_diff_to_float64_run"])
        assert ours.shape == golden.shape and np.abs(ours - golden).max() <= limit
    for name, entry in manifest["taps"].items():
        assert list(taps[name].shape) == entry["shape"]
        assert abs(taps[name].double().mean() - entry["mean"]) <= 2e-5 * entry["std"]
    if arch == "syncnet_color":
        cosine = (outputs["audio_embedding"] * outputs["face_embedding"]).sum(1)
        assert np.abs(cosine.numpy() - manifest["scalars"]["cosine_similarity"]).max() <= 1e-5


def test_an_axis_of_time_is_as_more_of_the_batch():
    net, _ = seeded_net("wav2lip", narrow_config("wav2lip"))
    rng = np.random.RandomState(3)
    mel = torch.from_numpy(rng.uniform(-4, 4, (2, 3, 1, 80, 16)).astype(np.float32))
    face = torch.from_numpy(rng.uniform(0, 1, (2, 6, 3, 96, 96)).astype(np.float32))
    with torch.no_grad():
        together = net(mel, face)
        alone = net(mel[:, 1], face[:, :, 1])
    assert together.shape == (2, 3, 3, 96, 96)
    assert (together[:, :, 1] - alone).abs().max() <= 1e-5


def test_it_trains():
    """A step with batch statistics lowers the loss, and gradients reach every parameter."""
    torch.manual_seed(1)
    net = Wav2Lip(**NARROW["wav2lip"]).train()
    mel, face = torch.randn(4, 1, 80, 16), torch.rand(4, 6, 96, 96)
    optimizer, losses = torch.optim.Adam(net.parameters(), 1e-3), []
    for _ in range(3):
        loss = (net(mel, face) - face[:, 3:]).abs().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(float(loss))
    assert losses[2] < losses[0]
    assert all(p.grad is not None for p in net.parameters())


def authors_checkpoint(net):
    """As the authors' training saves it, from a DataParallel model on a GPU."""
    optimizer = torch.optim.Adam(net.parameters(), 1e-4)
    for p in net.parameters():
        p.grad = torch.zeros_like(p)
    optimizer.step()
    return {"state_dict": {"module." + n: t for n, t in net.state_dict().items()},
            "optimizer": optimizer.state_dict(), "global_step": 250000, "global_epoch": 71}


@pytest.mark.parametrize("layout", ["zip", "legacy", "script", "npz"])
@pytest.mark.parametrize("arch", sorted(NETWORKS))
def test_narrow_checkpoints(arch, layout, run_convert, tmp_path):
    """Widths come from the shapes, and the converted file gives the same outputs."""
    config = narrow_config(arch)
    net, state = seeded_net(arch, config)
    path, made = tmp_path / "w.pth", tmp_path / "w.safetensors"
    if layout == "script":
        example = {n: torch.from_numpy(x[:1]) for n, x in inputs_of(arch).items()}
        torch.jit.trace(net, tuple(example.values()), strict=False, check_trace=False).save(path)
    elif layout == "npz":
        with open(path, "wb") as file:
            np.savez(file, **state)
    else:
        torch.save(authors_checkpoint(net), path, _use_new_zipfile_serialization=layout == "zip")
    result = run_convert(path, "-o", made, "--json")
    assert result.code == 0, result.err
    assert json.loads(result.out)["arch"] == arch
    tensors, metadata, _ = checkpoint.read(checkpoint.open_bytes(made))
    assert json.loads(metadata["viseme.config"]) == config
    assert tensors.keys() == state.keys()
    for name in state:
        np.testing.assert_array_equal(tensors[name].f32(), state[name], err_msg=name)
    if layout == "zip":
        x = inputs_of(arch)
        same = run.run(run.load(arch, made), x)
        again = run.run(net, x)
        for name in same if isinstance(same, dict) else ():
            np.testing.assert_array_equal(same[name], again[name])


@pytest.mark.parametrize("arch", sorted(NETWORKS))
def test_the_originals_size_is_recognised(arch):
    known = architectures.ARCHITECTURES[arch]
    shapes = known.parameters(known.config)
    assert architectures.recognise(shapes) == arch
    assert architectures.settle_config(arch, shapes, {}) == known.config
    architectures.compare(arch, known.config, shapes)


def test_refusals(refused, tmp_path):
    config = narrow_config("syncnet_color")
    _, state = seeded_net("syncnet_color", config)
    path = tmp_path / "w.npz"
    np.savez(path, **state)
    refused(path, "face_widths must be 7 whole numbers from 1 to 4096", code=2,
            options=("--config", '{"face_widths": [1, 2]}'))
    refused(path, "face_residuals must be 6 whole numbers from 0", code=2,
            options=("--config", '{"face_residuals": [0, 0, 0, 0, 0, -1]}'))
    refused(path, "input_size must be 96", code=2, options=("--config", '{"input_size": 128}'))
    del state["face_encoder.3.conv_block.0.weight"]
    np.savez(path, **state)
    refused(path, "1 missing (face_encoder.3.conv_block.0.weight)")
    _, state = seeded_net("wav2lip", narrow_config("wav2lip"))
    name = "face_decoder_blocks.3.0.conv_block.0.weight"
    state[name] = state[name].transpose(1, 0, 2, 3)
    np.savez(path, **state)
    refused(path, name)


def test_depth_of_a_row_is_stated(run_convert, refused, tmp_path):
    """The row of the audio encoder does not tell where its stages begin."""
    config = {**wav2lip_networks.GENERATOR_CONFIG, **NARROW["wav2lip"],
              "audio_residuals": [1, 0, 2, 0]}
    _, state = seeded_net("wav2lip", config)
    path = tmp_path / "w.npz"
    np.savez(path, **state)
    refused(path, "audio_encoder")
    given = {k: config[k] for k in ("audio_residuals", "audio_widths")}
    assert run_convert(path, "-o", tmp_path / "w", "--config", json.dumps(given)).code == 0


def test_program(tmp_path, capsys):
    """run.py with named inputs gives the golden."""
    weights = tmp_path / "w.safetensors"
    seeded_weights.write_weights("wav2lip", weights, "F32")
    words = ["wav2lip", str(weights), "--output", str(tmp_path / "y.npy")]
    for name, x in inputs_of("wav2lip").items():
        np.save(tmp_path / f"{name}.npy", x)
        words += ["--input", f"{name}={tmp_path / name}.npy"]
    assert run.main(words) == 0
    golden = np.load(os.path.join(GOLDENS, "wav2lip", "frames.npy"))
    assert np.abs(np.load(tmp_path / "y.npy") - golden).max() <= 4 * 1.5e-5
    assert run.main([*words[:-1], str(tmp_path / "face.npy")]) == 2
    assert "NAME=X.npy" in capsys.readouterr().err
