"""Layouts that convert, and what the files written hold."""
import io
import json
import os
import stat
import struct
import subprocess
import sys
import zlib

import numpy as np
import pytest
import torch

import architectures
import checkpoint
import safetensors_io
import tensors as tensor_tools
from conftest import ROOT, SHARED_WEIGHTS, TOOLS

CONVERT = os.path.join(TOOLS, "convert.py")
VOCAB = ["", " "] + [chr(65 + i) for i in range(26)]


def torch_state(state, dtype=torch.float32):
    return {n: torch.from_numpy(v).to(dtype) for n, v in state.items()}


def parse(path):
    """An own, naive reader, so that the writer is not checked by its own twin."""
    raw = path.read_bytes()
    length = struct.unpack("<Q", raw[:8])[0]
    header = json.loads(raw[8:8 + length])
    return header.pop("__metadata__"), header, raw[8 + length:], length


def values(path):
    _, header, data, _ = parse(path)
    made = {}
    for name, entry in header.items():
        raw = data[slice(*entry["data_offsets"])]
        if entry["dtype"] == "BF16":
            bits = np.frombuffer(raw, "<u2").astype(np.uint32) << 16
            made[name] = bits.view(np.float32).reshape(entry["shape"])
        else:
            assert entry["dtype"] == "F32"
            made[name] = np.frombuffer(raw, "<f4").reshape(entry["shape"])
    return made


def assert_holds(path, state):
    got = values(path)
    assert got.keys() == state.keys()
    for name in state:
        assert got[name].shape == state[name].shape
        np.testing.assert_array_equal(got[name], state[name], err_msg=name)


def channels_last(tensor):
    """The same values with the axes stored in reverse order: not contiguous from rank 2 on."""
    return tensor.permute(*reversed(range(tensor.dim()))).contiguous().permute(
        *reversed(range(tensor.dim())))


@pytest.mark.parametrize("layout", ["plain", "state_dict", "model", "module", "model_module",
                                    "ordered", "parameters", "strided", "shared", "slices"])
@pytest.mark.parametrize("zipped", [True, False])
def test_torch_layouts(layout, zipped, state, tmp_path, run_convert):
    sd = saved = torch_state(state)
    if layout == "state_dict":
        saved = {"epoch": 7, "loss": 0.5, "best": None, "lr": [1e-3, 1e-4], "done": True,
                 "step": torch.tensor(3), "optimizer": {"state": {0: {"m": torch.zeros(3)}},
                                                        "param_groups": [{"betas": (0.9, 0.99)}]},
                 "state_dict": sd}
    elif layout == "model":
        saved = {"model": sd, "seen": {1, 2}, "big": 1 << 80}
    elif layout == "module":
        saved = {"module." + n: v for n, v in sd.items()}
    elif layout == "model_module":
        saved = {"state_dict": {"model.module." + n: v for n, v in sd.items()}}
    elif layout == "ordered":
        from reference.lipnet import LipNet
        net = LipNet()
        net.load_state_dict(sd)
        saved = net.state_dict()  # an OrderedDict with _metadata
    elif layout == "parameters":
        saved = {n: torch.nn.Parameter(v) for n, v in sd.items()}
    elif layout == "strided":
        saved = {n: channels_last(v) for n, v in sd.items()}
        assert not saved["conv1.weight"].is_contiguous()
    elif layout == "shared":
        flat = torch.cat([v.flatten() for v in sd.values()])
        at, saved = 0, {}
        for name, value in sd.items():
            saved[name] = flat[at:at + value.numel()].view(value.shape)
            at += value.numel()
    elif layout == "slices":
        saved = {n: torch.stack([v, -v], -1)[..., 0] for n, v in sd.items()}
    path = tmp_path / "in.pt"
    torch.save(saved, path, _use_new_zipfile_serialization=zipped)
    result = run_convert(path, "-o", tmp_path / "out.safetensors")
    assert result.code == 0, result.err
    assert result.err == ""
    assert_holds(tmp_path / "out.safetensors", state)


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
@pytest.mark.parametrize("zipped", [True, False])
def test_pickle_protocols(protocol, zipped, state, tmp_path, run_convert):
    path = tmp_path / "in.pt"
    raw = {"raw": b"y" * 300} if protocol > 2 else {}  # 2 would need a call of _codecs.encode
    torch.save({"state_dict": torch_state(state), "note": "x" * 300, "seen": {1}, **raw},
               path, pickle_protocol=protocol, _use_new_zipfile_serialization=zipped)
    assert run_convert(path).code == 0
    assert_holds(tmp_path / "in.safetensors", state)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
@pytest.mark.parametrize("zipped", [True, False])
def test_torch_types(dtype, zipped, state, tmp_path, run_convert):
    sd = torch_state(state, dtype)
    path = tmp_path / "in.pt"
    torch.save(sd, path, _use_new_zipfile_serialization=zipped)
    assert run_convert(path, "-o", tmp_path / "out").code == 0
    assert_holds(tmp_path / "out", {n: v.float().numpy() for n, v in sd.items()})


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_npz(save, state, tmp_path, run_convert):
    arrays = dict(state)
    arrays["FC.weight"] = np.asfortranarray(arrays["FC.weight"])
    arrays["FC.bias"] = arrays["FC.bias"].astype(np.float64)
    arrays["conv1.bias"] = arrays["conv1.bias"].astype(np.float16)
    with open(tmp_path / "in.bin", "wb") as file:  # the name does not matter
        save(file, **arrays)
    assert run_convert(tmp_path / "in.bin", "-o", tmp_path / "out").code == 0
    assert_holds(tmp_path / "out", {n: v.astype(np.float32) for n, v in arrays.items()})


def test_bf16_is_rounded_as_torch_rounds(state, tmp_path, run_convert):
    torch.save(torch_state(state), tmp_path / "in.pt")
    result = run_convert(tmp_path / "in.pt", "--dtype", "bf16")
    assert result.code == 0
    expected = {n: v.to(torch.bfloat16).float().numpy() for n, v in torch_state(state).items()}
    assert_holds(tmp_path / "in.safetensors", expected)
    assert parse(tmp_path / "in.safetensors")[1]["FC.bias"]["dtype"] == "BF16"


def test_bf16_rounding_of_every_kind_of_value():
    bits = np.random.RandomState(1).randint(0, 1 << 32, 200000, dtype=np.uint64).astype(np.uint32)
    ties = np.arange(0, 1 << 16, 7, dtype=np.uint32) << 16 | 0x8000
    special = np.array([0, 1 << 31, 0x7F800000, 0xFF800000, 0x7F800001, 0xFFFFFFFF, 0x7FC00000,
                        0x7F7FFFFF, 0x00000001, 0x00008000, 0x00018000], np.uint32)
    floats = np.concatenate([bits, ties, special]).view(np.float32)
    ours = tensor_tools.bf16_to_f32(tensor_tools.f32_to_bf16(floats))
    theirs = torch.from_numpy(floats).to(torch.bfloat16).float().numpy()
    np.testing.assert_array_equal(np.isnan(ours), np.isnan(floats))
    number = ~np.isnan(floats)
    np.testing.assert_array_equal(ours[number].view(np.uint32), theirs[number].view(np.uint32))


def test_file_layout_and_metadata(state, tmp_path, run_convert):
    torch.save(torch_state(state), tmp_path / "näme.pt")
    result = run_convert(tmp_path / "näme.pt", "-o", tmp_path / "out", "--license", "CC0 – ok",
                         "--config", '{"frame_rate": 30, "pixel_order": "rgb", '
                         '"min_confidence": 0.7}')
    assert result.code == 0, result.err
    metadata, header, data, length = parse(tmp_path / "out")
    assert (8 + length) % 64 == 0
    assert metadata["viseme.format"] == "1"
    assert metadata["viseme.arch"] == "lipnet"
    assert json.loads(metadata["viseme.config"]) == {
        "classes": 28, "frame_height": 64, "frame_width": 128, "frame_rate": 30,
        "pixel_order": "rgb", "blank": 0, "min_confidence": 0.7}
    assert json.loads(metadata["viseme.vocab"]) == VOCAB
    assert metadata["viseme.license"] == "CC0 – ok"
    assert metadata["viseme.source"].startswith("näme.pt, sha256 ")
    assert metadata["viseme.created_by"] == "viseme convert.py 0.1.0"
    assert metadata["viseme.crc32"] == f"{zlib.crc32(data):08x}"
    assert list(metadata) == sorted(metadata) and len(metadata) == 8
    assert list(header) == sorted(header)
    at = 0
    for name, entry in header.items():
        assert set(entry) == {"dtype", "shape", "data_offsets"}
        assert entry["data_offsets"] == [at, at + 4 * int(np.prod(entry["shape"]))]
        at = entry["data_offsets"][1]
    assert at == len(data)


def test_same_bytes_every_time_and_from_every_container(state, tmp_path, run_convert):
    sd = torch_state(state)
    torch.save(sd, tmp_path / "a.pt")
    torch.save(dict(reversed(sd.items())), tmp_path / "b.pt", _use_new_zipfile_serialization=False)
    np.savez(tmp_path / "c.npz", **state)
    made = set()
    for name in ("a.pt", "b.pt", "c.npz", "a.pt"):
        assert run_convert(tmp_path / name, "-o", tmp_path / "out", "--source", "s").code == 0
        made.add((tmp_path / "out").read_bytes())
    assert len(made) == 1


def test_round_trip_keeps_what_the_file_says(state, tmp_path, run_convert):
    torch.save(torch_state(state), tmp_path / "a.pt")
    assert run_convert(tmp_path / "a.pt", "-o", tmp_path / "b", "--license", "L", "--source", "S",
                       "--config", '{"frame_rate": 50}').code == 0
    assert run_convert(tmp_path / "b", "-o", tmp_path / "c").code == 0
    assert (tmp_path / "b").read_bytes() == (tmp_path / "c").read_bytes()
    assert run_convert(tmp_path / "b", "-o", tmp_path / "d", "--license", "M", "--dtype",
                       "bf16").code == 0
    metadata = parse(tmp_path / "d")[0]
    assert (metadata["viseme.license"], metadata["viseme.source"]) == ("M", "S")
    assert json.loads(metadata["viseme.config"])["frame_rate"] == 50


def test_other_alphabet(state, tmp_path, run_convert, refused):
    sd = torch_state(state)
    sd["FC.weight"], sd["FC.bias"] = sd["FC.weight"][:5], sd["FC.bias"][:5]
    torch.save(sd, tmp_path / "in.pt")
    refused(tmp_path / "in.pt", "5 classes", "--vocab", code=2)
    vocab = tmp_path / "vocab.json"
    vocab.write_text('["", "ä", "—", "\\"", "five"]', encoding="utf-8")
    assert run_convert(tmp_path / "in.pt", "--vocab", vocab).code == 0
    metadata = parse(tmp_path / "in.safetensors")[0]
    assert json.loads(metadata["viseme.config"])["classes"] == 5
    assert json.loads(metadata["viseme.vocab"]) == ["", "ä", "—", '"', "five"]


def test_summary(state, tmp_path, run_convert):
    torch.save(torch_state(state), tmp_path / "in.pt")
    out = tmp_path / "in.safetensors"
    text = run_convert(tmp_path / "in.pt")
    size = out.stat().st_size
    assert text.out == f"lipnet: 24 tensors, 6638844 parameters, f32, {size} bytes, {out}\n"
    assert stat.S_IMODE(out.stat().st_mode) == 0o666 & ~current_umask()
    summary = json.loads(run_convert(tmp_path / "in.pt", "--json").out)
    assert summary == {"input": str(tmp_path / "in.pt"), "kind": "torch zip", "arch": "lipnet",
                       "tensors": 24, "parameters": 6638844, "dtype": "f32", "bytes": size,
                       "output": str(out)}


def current_umask():
    mask = os.umask(0)
    os.umask(mask)
    return mask


def test_as_a_program_without_torch(state, tmp_path):
    """Runs the file itself; importing torch would fail."""
    torch.save(torch_state(state), tmp_path / "in.pt")
    (tmp_path / "torch.py").write_text("raise SystemExit('torch was imported')\n")
    result = subprocess.run([sys.executable, CONVERT, "in.pt"], cwd=tmp_path, capture_output=True,
                            text=True, env={**os.environ, "PYTHONPATH": str(tmp_path)})
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout.startswith("lipnet: 24 tensors")
    helped = subprocess.run([sys.executable, CONVERT, "--help"], capture_output=True, text=True)
    assert helped.returncode == 0 and "examples:" in helped.stdout and helped.stderr == ""


def test_progress_on_a_terminal_only(state, tmp_path):
    torch.save(torch_state(state), tmp_path / "in.pt")
    leader, follower = os.openpty()
    result = subprocess.run([sys.executable, CONVERT, tmp_path / "in.pt"], stderr=follower,
                            stdout=subprocess.PIPE)
    os.close(follower)
    shown = os.read(leader, 65536)
    os.close(leader)
    assert result.returncode == 0
    assert b"converting tensor 1 of 24" in shown and shown.endswith(b"\r\x1b[K")


def test_output_through_a_link_keeps_the_link(state, tmp_path, run_convert):
    torch.save(torch_state(state), tmp_path / "in.pt")
    (tmp_path / "real").write_bytes(b"old")
    (tmp_path / "link").symlink_to("real")
    assert run_convert(tmp_path / "in.pt", "-o", tmp_path / "link").code == 0
    assert (tmp_path / "link").is_symlink()
    assert_holds(tmp_path / "real", state)


def test_reader_agrees_with_writer(state):
    stored = {n: tensor_tools.StoredTensor(v.tobytes, v.size, "F32", v.shape)
              for n, v in state.items()}
    order, entries = safetensors_io.layout({n: t.shape for n, t in stored.items()},
                                           dict.fromkeys(stored, "F32"))
    buffer = io.BytesIO(safetensors_io.header_bytes({"k": "v\u2028\""}, entries))
    buffer.seek(0, io.SEEK_END)
    for name in order:
        buffer.write(state[name].tobytes())
    read, metadata = safetensors_io.read(memoryview(buffer.getvalue()))
    assert metadata == {"k": "v\u2028\""}
    for name in state:
        np.testing.assert_array_equal(read[name].f32(), state[name])


def test_layout_aligns_mixed_types():
    shapes = {"a": (3,), "b": (3,), "c": (5,), "d": ()}
    dtypes = {"a": "I8", "b": "F32", "c": "BF16", "d": "F32"}
    order, entries = safetensors_io.layout(shapes, dtypes)
    assert order == ["b", "d", "c", "a"]
    for name in order:
        assert entries[name]["data_offsets"][0] % tensor_tools.item_size(dtypes[name]) == 0


def test_committed_weights_are_whole():
    """weights/lipnet.safetensors: checksum, names, shapes, and the digest its card states."""
    import hashlib
    path = os.path.join(ROOT, "weights", "lipnet.safetensors")
    with open(path, "rb") as file:
        raw = file.read()
    tensors, metadata = safetensors_io.read(memoryview(raw))
    architectures.compare("lipnet", json.loads(metadata["viseme.config"]),
                          {n: t.shape for n, t in tensors.items()})
    start = 8 + struct.unpack("<Q", raw[:8])[0]
    assert metadata["viseme.crc32"] == f"{zlib.crc32(raw[start:]):08x}"
    assert "CC-BY-4.0" in metadata["viseme.license"] and "Barker" in metadata["viseme.source"]
    with open(os.path.join(ROOT, "weights", "lipnet.md"), encoding="utf-8") as card:
        text = card.read()
    assert hashlib.sha256(raw).hexdigest() in text
    assert f"{len(raw):,}".replace(",", " ") in text


def test_trained_checkpoint(tmp_path, run_convert):
    """What a real training wrote, where it is at hand: every tensor as PyTorch itself rounds it."""
    source = os.path.join(SHARED_WEIGHTS, "lipnet_grid_s1.pt")
    if not os.path.exists(source):
        pytest.skip("the training checkpoint is not here")
    assert run_convert(source, "-o", tmp_path / "out", "--dtype", "bf16").code == 0
    trained = torch.load(source, map_location="cpu")
    assert_holds(tmp_path / "out", {n: t.bfloat16().float().numpy() for n, t in trained.items()})


@pytest.mark.parametrize("name", ["blazeface.pth", "blazeface_landmark.pth",
                                  "version-RFB-320.pth", "yunet_n.pth"])
def test_checkpoints_of_others(name):
    """Files that other people's torch versions wrote, where they are at hand: same numbers."""
    path = os.path.join(SHARED_WEIGHTS, "third_party", name)
    if not os.path.exists(path):
        pytest.skip("third-party checkpoints are not here")
    theirs = torch.load(path, map_location="cpu")
    theirs = theirs.get("state_dict", theirs)
    ours = checkpoint.read(checkpoint.open_bytes(path))[0]
    assert ours.keys() == theirs.keys()
    for key, value in theirs.items():
        assert ours[key].shape == tuple(value.shape)
        if value.is_floating_point():
            np.testing.assert_array_equal(ours[key].f32(), value.numpy())
