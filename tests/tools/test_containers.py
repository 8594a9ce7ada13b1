"""TorchScript archives, Lightning checkpoints, half precision, and the model card."""
import argparse
import datetime
import io
import json
import os
import pathlib
import sys
import types
import zipfile

import numpy as np
import pytest
import torch

import checkpoint
from errors import Refusal
from reference import lipnet


def load(path):
    tensors, metadata, _ = checkpoint.read(checkpoint.open_bytes(path))
    return {n: t.f32() for n, t in tensors.items()}, metadata


def same(path, state):
    found, _ = load(path)
    assert found.keys() == state.keys()
    for name, value in state.items():
        np.testing.assert_array_equal(found[name], value, err_msg=name)


# ---- TorchScript

class Scripted(torch.nn.Module):
    """Layers of LipNet with a forward() that scripts."""

    def __init__(self, state):
        super().__init__()
        net = lipnet.LipNet()
        net.load_state_dict({n: torch.from_numpy(v) for n, v in state.items()})
        for name, layer in net.named_children():
            setattr(self, name, layer)
        self.sizes, self.label, self.scale = [1, 2, 3], "a text", 0.5

    def forward(self, x):
        return self.FC(x) * self.scale + float(self.sizes[0])


class Wrapped(torch.nn.Module):
    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, x):
        return self.model(x)


@pytest.mark.parametrize("kind", ["script", "trace", "wrapped"])
def test_torchscript(kind, state, tmp_path, run_convert):
    net = Scripted(state).eval()
    net = Wrapped(net) if kind == "wrapped" else net
    made = torch.jit.trace(net, torch.zeros(1, 512)) if kind == "trace" else torch.jit.script(net)
    torch.jit.save(made, str(tmp_path / "in.pt"))
    result = run_convert(tmp_path / "in.pt")
    assert result.code == 0, result.err
    same(tmp_path / "in.safetensors", state)


def test_torchscript_refusals(state, tmp_path, refused):
    frozen = torch.jit.freeze(torch.jit.script(Scripted(state).eval()))
    torch.jit.save(frozen, str(tmp_path / "in.pt"))
    refused(tmp_path / "in.pt", "TorchScript", "frozen")


def script_archive(program):
    """A zip as torch.jit.save makes it, with this pickle."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("a/data.pkl", program)
        archive.writestr("a/constants.pkl", b"\x80\x02).")
    return memoryview(buffer.getvalue())


@pytest.mark.parametrize("program, words", [
    (b"\x80\x02}.", "other than a module"),
    (b"\x80\x02c__torch__\nM\n)\x81}b.", "without named weights"),
    (b"\x80\x02c__torch__\nM\n)\x81K\x01b.", "state of its own"),
    (b"\x80\x02c__torch__\nM\n)R.", "in a way torch does not"),
    (b"\x80\x02c__torch__.os\nsystem\nX\x02\x00\x00\x00id\x85R.", "in a way torch does not"),
    (b"\x80\x02ctorch.jit._pickle\nrestore_type_tag\n)R.", "has no type"),
    (b"\x80\x02ctorch.jit._pickle\nunpickle\n)R.", "torch.jit._pickle.unpickle"),
    (b"\x80\x02cos\nsystem\nX\x02\x00\x00\x00id\x85\x81.", "os.system"),
    # a module in itself, and one that holds the next one twice, 40 times over
    (b"\x80\x02c__torch__\nM\n)\x81q\x00}X\x01\x00\x00\x00mh\x00sb.", "far more modules"),
    (b"\x80\x02c__torch__\nM\n)\x81" + b"".join(
        b"q" + bytes([n]) + b"0c__torch__\nM\n)\x81}(X\x01\x00\x00\x00ah" + bytes([n]) +
        b"X\x01\x00\x00\x00bh" + bytes([n]) + b"ub" for n in range(40)) + b".",
     "far more modules"),
])
def test_hostile_torchscript(program, words):
    with pytest.raises(Refusal, match=words.replace(".", r"\.")):
        checkpoint.read(script_archive(program))


# ---- Lightning

@pytest.fixture
def lightning(monkeypatch):
    """Classes by the names that Lightning's and OmegaConf's have; neither is needed."""
    made = {}
    for module, name, base in (("pytorch_lightning.utilities.parsing", "AttributeDict", dict),
                               ("pytorch_lightning.callbacks", "ModelCheckpoint", object),
                               ("omegaconf.dictconfig", "DictConfig", object)):
        kind = type(name, (base,), {"__module__": module})
        parts = module.split(".")
        for n in range(1, len(parts) + 1):
            part = ".".join(parts[:n])
            if part not in sys.modules:
                monkeypatch.setitem(sys.modules, part, types.ModuleType(part))
        setattr(sys.modules[module], name, kind)
        made[name] = kind
    return types.SimpleNamespace(**made)


def lightning_checkpoint(lightning, state):
    config = lightning.DictConfig()
    config.lr, config.path = 1e-3, pathlib.PosixPath("/data/grid")
    return {
        "epoch": 7, "global_step": 1000, "pytorch-lightning_version": "1.5.0",
        "state_dict": {**{"model." + n: torch.from_numpy(v) for n, v in state.items()},
                       "model.bn.num_batches_tracked": torch.tensor(3)},
        "callbacks": {lightning.ModelCheckpoint: {"best": np.float64(0.5), "at": torch.zeros(1)}},
        "optimizer_states": [{"state": {0: {"m": torch.zeros(3)}}}],
        "hparams_name": "kwargs",
        "hyper_parameters": lightning.AttributeDict(
            args=argparse.Namespace(width=3, device=torch.device("cpu"), dtype=torch.float32),
            config=config, when=datetime.datetime(2020, 1, 2), table=np.zeros(3)),
    }


@pytest.mark.parametrize("zipped", [True, False])
def test_lightning(zipped, lightning, state, tmp_path, run_convert):
    torch.save(lightning_checkpoint(lightning, state), tmp_path / "in.ckpt",
               _use_new_zipfile_serialization=zipped)
    result = run_convert(tmp_path / "in.ckpt")
    assert result.code == 0, result.err
    same(tmp_path / "in.safetensors", state)


class Attack:
    def __reduce__(self):
        return os.system, ("touch attacked",)


def test_lightning_refusals(lightning, state, tmp_path, refused, monkeypatch):
    monkeypatch.chdir(tmp_path)
    whole = lightning_checkpoint(lightning, state)
    whole["hyper_parameters"]["attack"] = Attack()
    torch.save(whole, tmp_path / "in.ckpt")
    refused(tmp_path / "in.ckpt", "posix.system", "nothing was run")
    whole = lightning_checkpoint(lightning, state)
    whole["state_dict"]["model.FC.bias"] = argparse.Namespace()
    torch.save(whole, tmp_path / "in.ckpt")
    refused(tmp_path / "in.ckpt", "FC.bias: argparse.Namespace")


# ---- half precision

def test_f16_in_and_out(state, tmp_path, run_convert, refused):
    half = {n: v.astype(np.float16) for n, v in state.items()}
    torch.save({n: torch.from_numpy(v) for n, v in half.items()}, tmp_path / "in.pt")
    assert run_convert(tmp_path / "in.pt").code == 0
    same(tmp_path / "in.safetensors", {n: v.astype(np.float32) for n, v in half.items()})
    torch.save({n: torch.from_numpy(v) for n, v in state.items()}, tmp_path / "in.pt")
    result = run_convert(tmp_path / "in.pt", "--dtype", "f16", "--json")
    assert result.code == 0 and json.loads(result.out)["dtype"] == "f16"
    same(tmp_path / "in.safetensors", {n: v.astype(np.float32) for n, v in half.items()})
    os.unlink(tmp_path / "in.safetensors")
    big = {n: torch.from_numpy(v.copy()) for n, v in state.items()}
    big["FC.bias"][2] = 70000
    torch.save(big, tmp_path / "in.pt")
    refused(tmp_path / "in.pt", "FC.bias has 1 values", "F16", options=("--dtype", "f16"))


# ---- the card

def test_card(state, tmp_path, run_convert):
    torch.save({n: torch.from_numpy(v) for n, v in state.items()}, tmp_path / "in.pt")
    result = run_convert(tmp_path / "in.pt", "--license", "CC-BY-4.0", "--card", "name=My LipNet",
                         "--card", "limits=one speaker = one mouth", "--config",
                         '{"frame_rate": 30}')
    assert result.code == 0, result.err
    metadata = load(tmp_path / "in.safetensors")[1]
    assert metadata["viseme.card.name"] == "My LipNet"
    assert metadata["viseme.card.limits"] == "one speaker = one mouth"
    assert json.loads(metadata["viseme.config"])["frame_rate"] == 30
    # kept when the file is converted again; what is stated anew wins
    result = run_convert(tmp_path / "in.safetensors", "-o", tmp_path / "again.safetensors",
                         "--dtype", "f16", "--card", "limits=none known", "--card", "data=GRID")
    assert result.code == 0, result.err
    metadata = load(tmp_path / "again.safetensors")[1]
    assert {k: v for k, v in metadata.items() if k.startswith("viseme.card.")} == {
        "viseme.card.name": "My LipNet", "viseme.card.limits": "none known",
        "viseme.card.data": "GRID"}
    assert metadata["viseme.license"] == "CC-BY-4.0"
    assert json.loads(metadata["viseme.config"])["frame_rate"] == 30


@pytest.mark.parametrize("fields, words", [
    (("name",), "KEY=TEXT"), (("name=",), "KEY=TEXT"), (("=x",), "KEY=TEXT"),
    (("Name=x",), "KEY=TEXT"), (("na me=x",), "KEY=TEXT"), (("n" * 33 + "=x",), "KEY=TEXT"),
    (("name=two\nlines",), "one line"), (("name=" + "x" * 5000,), "one line"),
    (("name=a", "name=b"), "twice"),
])
def test_card_usage(fields, words, state, tmp_path, refused):
    torch.save({n: torch.from_numpy(v) for n, v in state.items()}, tmp_path / "in.pt")
    refused(tmp_path / "in.pt", words, code=2,
            options=[o for f in fields for o in ("--card", f)])
