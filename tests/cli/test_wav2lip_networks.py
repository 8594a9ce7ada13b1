"""Wav2Lip's networks of other widths and depths through `viseme run`, against PyTorch."""
import json
import os
import sys

import numpy as np
import pytest

from conftest import ROOT

sys.path.insert(0, os.path.join(ROOT, "weights-tools"))
torch = pytest.importorskip("torch")

import architectures  # noqa: E402
import convert  # noqa: E402
from reference import run, seeded  # noqa: E402

WIDTHS = {"audio_widths": [4, 6, 8, 12, 20]}
NARROW = {
    "wav2lip": {**WIDTHS, "face_widths": [4, 6, 8, 10, 12, 14, 16],
                "face_residuals": [1, 0, 2, 1, 3, 0], "audio_residuals": [1, 0, 2, 0],
                "decoder_widths": [18, 16, 14, 12, 10, 8, 6],
                "decoder_residuals": [1, 0, 2, 1, 0, 1, 3], "output_width": 5},
    "wav2lip_disc": {"widths": [4, 6, 8, 10, 12, 14, 16]},
    "syncnet_color": {**WIDTHS, "face_widths": [4, 6, 8, 12, 16, 16, 20],
                      "face_residuals": [1, 1, 0, 2, 0, 1], "audio_residuals": [0, 1, 0, 1]},
}
INPUTS = {"wav2lip": {"mel": (1, 80, 16), "face": (6, 96, 96)},
          "wav2lip_disc": {"face": (3, 4, 96, 96)},
          "syncnet_color": {"audio": (1, 80, 16), "face": (15, 48, 96)}}
OUTPUTS = {"wav2lip": ["frames"], "wav2lip_disc": ["logits", "pred"],
           "syncnet_color": ["audio_embedding", "face_embedding"]}


def made(arch, folder, **more):
    """The network in PyTorch, and its weights converted for viseme."""
    config = {**architectures.ARCHITECTURES[arch].config, **NARROW[arch], **more}
    state = seeded.seeded_state(architectures.ARCHITECTURES[arch].parameters(config))
    np.savez(folder / "w.npz", **state)
    path = folder / "w.safetensors"
    given = json.dumps({k: v for k, v in config.items() if "width" in k or "residuals" in k})
    assert convert.main([str(folder / "w.npz"), "-o", str(path), "--config", given]) == 0
    net = __import__(f"reference.{arch}", fromlist=["from_config"]).from_config(config)
    run.load_into(net, state)
    return net, path


def drawn(arch, batch):
    rng = np.random.RandomState(7)
    return {n: rng.uniform(0, 1, (batch, *s)).astype(np.float32) for n, s in INPUTS[arch].items()}


def words(flag, arrays, folder):
    for name, array in arrays.items():
        np.save(folder / f"{name}.in.npy", array)
    return [w for name in arrays for w in (flag, f"{name}={folder / name}.in.npy")]


@pytest.mark.parametrize("arch", sorted(NARROW))
def test_other_widths_and_depths(arch, viseme, tmp_path):
    net, path = made(arch, tmp_path)
    for batch in (1, 3):
        x = drawn(arch, batch)
        wanted = run.run(net, x)
        wanted = wanted if isinstance(wanted, dict) else {"frames": wanted}
        outputs = [w for name in OUTPUTS[arch] for w in ("-o", f"{name}={tmp_path / name}.npy")]
        for how in (["-t", "1"], ["-t", "2", "--cpu", "c"]):
            result = viseme("run", path, *words("-i", x, tmp_path), *outputs, *how)
            assert result.code == 0, result.err
            for name, want in wanted.items():
                got = np.load(tmp_path / f"{name}.npy")
                assert got.shape == want.shape
                assert np.abs(got - want).max() <= 2e-5 * max(1, np.abs(want).max()), (name, how)


def test_what_does_not_fit_is_refused(viseme, tmp_path):
    _, path = made("wav2lip", tmp_path)
    x = drawn("wav2lip", 2)
    x["mel"] = x["mel"][:1]
    viseme("run", path, *words("-i", x, tmp_path)).error(2, "do not belong together")
    x["mel"] = np.zeros((2, 1, 80, 15), np.float32)
    viseme("run", path, *words("-i", x, tmp_path)).error(2, "mel", "[2 1 80 15]", "[N 1 80 16]")
    _, path = made("syncnet_color", tmp_path, face_widths=[4, 6, 8, 12, 16, 16, 19])
    x = drawn("syncnet_color", 1)
    viseme("run", path, *words("-i", x, tmp_path)).error(6, "cannot be compared")


@pytest.mark.parametrize("bad", ['"x"', "[1,2]", "[0,6,8,10,12,14,16]", "[4,6,8,10,12,14,1e3]",
                                 "[4,6,8,10,12,14,5000]", "[4,6,8,10,12,14,15]"])
def test_damaged_config_is_refused(bad, viseme, tmp_path):
    _, path = made("wav2lip", tmp_path)
    raw = path.read_bytes()
    length = int.from_bytes(raw[:8], "little")
    header = json.loads(raw[8:8 + length])
    config = json.loads(header["__metadata__"]["viseme.config"])
    config["face_widths"] = json.loads(bad)
    header["__metadata__"]["viseme.config"] = json.dumps(config)
    text = json.dumps(header).encode()
    text += b" " * (-(8 + len(text)) % 64)
    path.write_bytes(len(text).to_bytes(8, "little") + text + raw[8 + length:])
    viseme("run", path, *words("-i", drawn("wav2lip", 1), tmp_path)).error(6)
