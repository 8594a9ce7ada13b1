"""Files that must be refused, in one sentence, without output."""
import io
import json
import os
import signal
import struct
import subprocess
import sys
import time
import zipfile

import numpy as np
import pytest
import torch

import checkpoint
from conftest import TOOLS
from errors import Refusal


def torch_state(state):
    return {n: torch.from_numpy(v) for n, v in state.items()}


def saved(path, value, zipped=True):
    torch.save(value, path, _use_new_zipfile_serialization=zipped)
    return path


# ---- the wrong tensors

def test_missing_extra_misshapen(state, tmp_path, refused):
    sd = torch_state(state)
    for name in ("conv1.bias", "gru1.bias_ih_l0", "gru1.bias_hh_l0", "gru2.bias_ih_l0"):
        del sd[name]
    sd["attention.weight"] = torch.zeros(2)
    sd["conv2.bias"] = torch.zeros(63)
    said = refused(saved(tmp_path / "in.pt", sd), "lipnet",
                   "4 missing (conv1.bias, gru1.bias_ih_l0, gru1.bias_hh_l0, ...)",
                   "1 extra (attention.weight)",
                   "1 misshapen (conv2.bias is [63] and should be [64])")
    assert len(said) < 600


def test_unknown_network(tmp_path, refused):
    path = saved(tmp_path / "in.pt", {"encoder.weight": torch.zeros(2, 2)})
    refused(path, "no known network (", "lipnet, ", "encoder.weight")
    refused(path, "does not hold the tensors of lipnet", "24 missing", "1 extra",
            options=("--arch", "lipnet"))


def test_names_are_safe_to_print(tmp_path, refused):
    name = "a\x1b[31m\n\u202e" + "x" * 500
    said = refused(saved(tmp_path / "in.pt", {name: torch.zeros(1)}), "a?[31m")
    assert "\x1b" not in said and "\u202e" not in said and len(said) < 500


def test_prefix_of_some_names_only(state, tmp_path, refused):
    sd = {("module." + n if n.startswith("conv") else n): v
          for n, v in torch_state(state).items()}
    refused(saved(tmp_path / "in.pt", sd), "6 missing", "6 extra (module.conv1.weight")


@pytest.mark.parametrize("change, words", [
    (lambda v: v.to(torch.int32), ("FC.weight", "I32")),
    (lambda v: torch.full_like(v, float("nan")), ("FC.weight", "14336 values", "NaN")),
    (lambda v: v.double() * 1e300, ("FC.weight", "too large for F32")),
    (lambda v: v.expand(2, *v.shape), ("misshapen", "FC.weight is [2, 28, 512]")),
])
def test_wrong_values(change, words, state, tmp_path, refused):
    sd = torch_state(state)
    sd["FC.weight"] = change(sd["FC.weight"])
    refused(saved(tmp_path / "in.pt", sd), *words)


def test_too_large_for_bf16(state, tmp_path, refused):
    sd = torch_state(state)
    sd["FC.bias"][3] = 3.4e38  # finite, but rounds up to infinity
    refused(saved(tmp_path / "in.pt", sd), "FC.bias has 1 values", options=("--dtype", "bf16"))


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize("value, words", [
    ([torch.zeros(1)], ("something other than a state_dict",)),
    (torch.zeros(1), ("something other than a state_dict",)),
    ({"epoch": 1, "net": {}}, ("no state_dict", "epoch, net")),
    ({}, ("no state_dict",)),
    ({"state_dict": {}}, ("no state_dict",)),
    ({"a": torch.zeros(1), "b": "text", 3: torch.zeros(1)},
     ("2 entries that are no tensors (b, 3)",)),
    ({"a": torch.zeros(1), (1, 2): 0}, ("keys other than",)),
    ({"a": torch.zeros(2, 2).to_sparse()}, ("torch._utils._rebuild_sparse_tensor",)),
    ({"a": torch.quantize_per_tensor(torch.zeros(2), 1, 0, torch.qint8)}, ("_rebuild_qtensor",)),
    ({"a": torch.zeros(2, dtype=torch.complex64)}, ("torch.ComplexFloatStorage",)),
    ({"a": torch.nn.Linear(2, 2)}, ("torch.nn.modules.linear.Linear",)),
    ({"a": torch.zeros(1), "b": np.float64(1)}, ("numpy.core.multiarray.scalar",)),
    ({"a": torch.zeros(1), "b": torch.float32}, ("torch.float32",)),
    ({"a": torch.zeros([1] * 9)}, ("9 axes",)),
])
def test_wrong_contents(value, words, zipped, tmp_path, refused):
    refused(saved(tmp_path / "in.pt", value, zipped), *words)


# ---- files that are something else

@pytest.mark.parametrize("content, words", [
    (b"", "empty"),
    (b"<!DOCTYPE html><html>", "web page"),
    (b"\n  <HTML lang=en>", "web page"),
    (b"\xef\xbb\xbf<?xml version='1.0'?>", "web page"),
    (b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n", "Git LFS"),
    (b"\x1f\x8b\x08" + bytes(50), "gzip"),
    (b"\x89HDF\r\n\x1a\n" + bytes(50), "HDF5"),
    (b"\x93NUMPY\x01\x00" + bytes(50), "single NumPy array"),
    (b"GGUF" + bytes(50), "GGUF"),
    (bytes(257) + b"ustar" + bytes(250), "tar"),
    (b"\x80\x04\x95\x00\x00\x00\x00\x00\x00\x00\x00N.", "pickle that torch.save did not write"),
    (b"{\"error\": \"not found\"}", "neither"),
    (bytes(4096), "neither"),
    (b"x", "neither"),
])
def test_other_files(content, words, tmp_path, refused):
    (tmp_path / "in.pt").write_bytes(content)
    refused(tmp_path / "in.pt", words)


def test_unreadable(tmp_path, refused):
    refused(tmp_path / "none.pt", "No such file", code=3)
    refused(tmp_path, "folder", code=3)
    os.mkfifo(tmp_path / "pipe")
    refused(tmp_path / "pipe", "not a regular file", code=3)
    refused("/dev/null", "not a regular file", code=3)
    if os.geteuid() != 0:
        (tmp_path / "secret").write_bytes(b"x")
        (tmp_path / "secret").chmod(0)
        refused(tmp_path / "secret", "Permission", code=3)


# ---- usage and output

@pytest.mark.parametrize("options, words", [
    (("--dtype", "f64"), "--dtype"),
    (("--arch", "resnet"), "--arch"),
    (("--bogus",), "--bogus"),
    (("--config", "{"), "--config is not JSON"),
    (("--config", "[]"), "JSON object"),
    (("--config", '{"a":1,"a":2}'), "twice"),
    (("--config", "[" * 100000), "--config"),
    (("--config", '{"frames": 75}'), "lipnet has no frames"),
    (("--config", '{"frame_rate": NaN}'), "NaN"),
    (("--config", '{"frame_rate": true}'), "frame_rate"),
    (("--config", '{"min_confidence": 1.5}'), "min_confidence"),
    (("--config", '{"frame_rate": 1e999}'), "frame_rate"),
    (("--config", '{"pixel_order": "gbr"}'), "pixel_order"),
    (("--config", '{"blank": 28}'), "blank"),
    (("--config", '{"classes": 1}'), "classes"),
    (("--config", '{"classes": "28"}'), "classes"),
    (("--config", '{"frame_height": 65}'), "frame_height"),
    (("--config", '{"frame_width": 128.0}'), "frame_width"),
    (("--config", '{"blank": 27}'), "--vocab"),
    (("--license", "two\nlines"), "--license"),
    (("--license", "x" * 5000), "--license"),
    (("--source", "\udcff"), "--source is not UTF-8"),
    (("--vocab", "/nonexistent"), "--vocab"),
    (("--vocab", "/dev/zero"), "--vocab"),
])
def test_usage(options, words, small_or_real, refused):
    refused(small_or_real, words, code=2, options=options)


@pytest.mark.parametrize("text", ["", "{}", "[1]", '["", "a"]', '["x"' + ', "a"' * 27 + "]",
                                  '["", "\\ud800"' + ', "a"' * 26 + "]"])
def test_vocabularies(text, small_or_real, tmp_path, refused):
    (tmp_path / "vocab.json").write_text(text)
    refused(small_or_real, "--vocab", code=2, options=("--vocab", tmp_path / "vocab.json"))


@pytest.fixture(scope="module")
def small_or_real(state, tmp_path_factory):
    """A checkpoint that would convert."""
    return saved(tmp_path_factory.mktemp("good") / "in.pt", torch_state(state))


def test_no_arguments(run_convert):
    result = run_convert()
    assert (result.code, result.out) == (2, "") and result.err.count("\n") == 1


def test_outputs(small_or_real, state, tmp_path, run_convert):
    def said(output):
        result = run_convert(small_or_real, "-o", output)
        assert result.out == "" and result.err.count("\n") == 1
        return result.code, result.err
    assert said(tmp_path / "no" / "out")[0] == 1
    assert said(tmp_path)[0] == 2
    assert said("/dev/null")[0] == 2
    assert said(small_or_real)[0] == 2
    assert "replace the input" in said(small_or_real)[1]
    np.savez(tmp_path / "in.safetensors", **{"FC.bias": state["FC.bias"]})
    os.rename(tmp_path / "in.safetensors.npz", tmp_path / "in.safetensors")
    assert run_convert(tmp_path / "in.safetensors").code == 2  # the default output is the input


def test_old_output_survives_a_failure(state, tmp_path, run_convert):
    sd = torch_state(state)
    sd["gru2.weight_hh_l0"][0, 0] = float("inf")  # found after most of the file was written
    saved(tmp_path / "in.pt", sd)
    (tmp_path / "out").write_bytes(b"old")
    assert run_convert(tmp_path / "in.pt", "-o", tmp_path / "out").code == 6
    assert (tmp_path / "out").read_bytes() == b"old"
    assert sorted(os.listdir(tmp_path)) == ["in.pt", "out"]


def test_stopped_by_a_signal(small_or_real, tmp_path):
    """A run stopped while it writes leaves nothing behind."""
    slow = ("import sys, time\n"
            "sys.path.insert(0, sys.argv.pop(1))\n"
            "import convert, safetensors_io\n"
            "fast = safetensors_io.encode\n"
            "def encode(*a): print('writing', flush=True); time.sleep(9); return fast(*a)\n"
            "safetensors_io.encode = encode\n"
            "sys.exit(convert.main(sys.argv[1:]))")
    for number, code in ((signal.SIGTERM, 143), (signal.SIGINT, 130)):
        process = subprocess.Popen([sys.executable, "-c", slow, TOOLS, small_or_real, "-o",
                                    tmp_path / "out"], stdout=subprocess.PIPE)
        assert process.stdout.readline() == b"writing\n"
        assert len(os.listdir(tmp_path)) == 1
        process.send_signal(number)
        assert process.wait(timeout=8) == code
        process.stdout.close()
        assert os.listdir(tmp_path) == []


# ---- damaged containers

def read_all(data):
    """What convert.py does with a file before and after the names are checked."""
    tensors, _, _ = checkpoint.read(memoryview(data))
    for tensor in tensors.values():
        if tensor.dtype in ("F32", "F16", "BF16", "F64"):
            tensor.f32()


def small_files():
    """A few tensors in each container: {kind: bytes}."""
    rng = np.random.RandomState(0)
    arrays = {"a.weight": rng.standard_normal((3, 4, 5)).astype(np.float32),
              "a.bias": rng.standard_normal(7), "b": np.arange(6, dtype=np.int64)}
    sd = {n: torch.from_numpy(v) for n, v in arrays.items()}
    sd["a.half"], sd["a.view"] = sd["a.bias"].half(), sd["a.weight"].permute(2, 0, 1)
    files = {}
    for kind, zipped in (("zip", True), ("legacy", False)):
        buffer = io.BytesIO()
        torch.save({"epoch": 3, "state_dict": sd}, buffer, _use_new_zipfile_serialization=zipped)
        files[kind] = buffer.getvalue()
    for kind, save in (("npz", np.savez), ("npz_compressed", np.savez_compressed)):
        buffer = io.BytesIO()
        save(buffer, **arrays)
        files[kind] = buffer.getvalue()
    files["safetensors"] = safetensors({"a": ("F32", [2, 3], [0, 24]), "b": ("BF16", [], [24, 26])},
                                       bytes(26))
    return files


def safetensors(entries, data, length=None, metadata=None, text=None):
    header = {n: dict(zip(("dtype", "shape", "data_offsets"), e)) for n, e in entries.items()}
    if metadata is not None:
        header["__metadata__"] = metadata
    text = json.dumps(header).encode() if text is None else text
    return struct.pack("<Q", len(text) if length is None else length) + text + data


@pytest.mark.parametrize("kind", sorted(small_files()))
def test_truncated_anywhere(kind):
    data = small_files()[kind]
    read_all(data)
    for size in range(0, len(data), 1 if len(data) < 4000 else 7):
        with pytest.raises(Refusal):
            read_all(data[:size] or b"\n")


def test_truncated_real_size(small_or_real, state, tmp_path, refused):
    whole = small_or_real.read_bytes()
    for part in (0.001, 0.1, 0.5, 0.99, 0.9999):
        (tmp_path / "cut.pt").write_bytes(whole[:int(len(whole) * part)])
        refused(tmp_path / "cut.pt", "cut short")
    legacy = saved(tmp_path / "old.pt", torch_state(state), False).read_bytes()
    for cut in (1, 100, 1000000, len(legacy) - 3000):
        (tmp_path / "cut.pt").write_bytes(legacy[:-cut])
        refused(tmp_path / "cut.pt", "cut short")
    (tmp_path / "cut.pt").write_bytes(legacy + b"x")
    refused(tmp_path / "cut.pt", "1 bytes after its last storage")


def test_flipped_data_bit(small_or_real, tmp_path, refused):
    """The zip container has checksums: a single flipped bit of a weight is found."""
    data = bytearray(small_or_real.read_bytes())
    data[len(data) // 2] ^= 4
    (tmp_path / "in.pt").write_bytes(data)
    refused(tmp_path / "in.pt", "checksum", "data/")


@pytest.mark.parametrize("kind", sorted(small_files()))
def test_mutations_are_refused_cleanly_or_harmless(kind):
    """Random damage for a second: nothing but a Refusal may come out."""
    data, rng = small_files()[kind], np.random.RandomState(7)
    interesting = [0, 1, 0x28, 0x2E, 0x51, 0x52, 0x62, 0x63, 0x7F, 0x80, 0xFE, 0xFF]
    refusals, runs, end = 0, 0, time.monotonic() + 1
    while time.monotonic() < end and runs < 5000:
        damaged, runs = bytearray(data), runs + 1
        for _ in range(rng.randint(1, 5)):
            at = rng.randint(len(damaged))
            choice = rng.randint(4)
            if choice == 0:
                damaged[at] ^= 1 << rng.randint(8)
            elif choice == 1:
                damaged[at] = interesting[rng.randint(len(interesting))]
            elif choice == 2:
                del damaged[at:at + rng.randint(1, 9)]
            else:
                damaged[at:at] = damaged[at:at + rng.randint(1, 9)]
        try:
            read_all(bytes(damaged))
        except Refusal:
            refusals += 1
    assert runs > 50 and refusals > runs // 4


# ---- zip tricks

def zipped(entries, method=zipfile.ZIP_STORED):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for name, content in entries:
            archive.writestr(name, content)
    return buffer.getvalue()


def refusal(data):
    with pytest.raises(Refusal) as caught:
        read_all(data)
    return str(caught.value)


def torch_entries():
    with zipfile.ZipFile(io.BytesIO(small_files()["zip"])) as archive:
        return [(n, archive.read(n)) for n in archive.namelist()]


def test_zip_kinds():
    entries = torch_entries()
    read_all(zipped(entries))
    assert "without exactly one data.pkl" in refusal(zipped([("a.txt", b"x")]))
    assert "without exactly one data.pkl" in refusal(zipped([]))
    assert "without exactly one data.pkl" in refusal(
        zipped(entries + [("other/data.pkl", b"x")]))
    assert "compressed" in refusal(zipped(entries, zipfile.ZIP_DEFLATED))
    assert "TorchScript" in refusal(zipped(entries + [("archive/constants.pkl", b"x")]))
    assert "big-endian" in refusal(zipped(entries + [("archive/byteorder", b"big")]))
    assert "lacks the storage archive/data/0" in refusal(
        zipped([e for e in entries if e[0] != "archive/data/0"]))
    assert "archive/data/0" in refusal(
        zipped([(n, c[:-4] if n == "archive/data/0" else c) for n, c in entries]))


def test_bombs_are_not_unpacked():
    bomb = zipped([("a.npy", bytes(64 << 20))], zipfile.ZIP_DEFLATED)
    at = bomb.rfind(b"PK\x01\x02")
    lying = bytearray(bomb)
    for size in (1 << 31, 0xFFFFFFF0):  # stated sizes no deflate stream of this length can have
        struct.pack_into("<L", lying, at + 24, size)
        assert "absurd size" in refusal(bytes(lying))
    struct.pack_into("<L", lying, at + 24, 100)  # unpacks to far more than it states
    assert "another size" in refusal(bytes(lying))
    stored = bytearray(zipped([("archive/data.pkl", b"N.")]))
    struct.pack_into("<2L", stored, stored.rfind(b"PK\x01\x02") + 20, 1 << 30, 1 << 30)
    assert "overlap" in refusal(bytes(stored))


def test_zip_directory_tricks():
    data = zipped(torch_entries())
    encrypted = bytearray(data)
    encrypted[encrypted.find(b"PK\x01\x02") + 8] |= 1
    assert "encrypted" in refusal(bytes(encrypted))
    assert "twice" in refusal(data.replace(b"archive/data/1", b"archive/data/0"))
    many = bytearray(data)
    struct.pack_into("<H", many, many.rfind(b"PK\x05\x06") + 10, 0xFFFE)
    assert "its directory" in refusal(bytes(many))
    last = data.rfind(b"PK\x01\x02")
    far = bytearray(data)
    struct.pack_into("<L", far, last + 42, 0xFFFFFFF0)  # where the entry `version` is; never read
    read_all(bytes(far))
    first = bytearray(data)
    struct.pack_into("<L", first, first.find(b"PK\x01\x02") + 42, 0xFFFFFFF0)
    assert "cut short" in refusal(bytes(first))


def test_zip64_fields():
    """The same archive with its directory described by zip64 records is read the same."""
    data = zipped(torch_entries())
    at = data.rfind(b"PK\x05\x06")
    count, size, start = struct.unpack_from("<H2L", data, at + 10)
    end64 = struct.pack("<4sQ2H2L4Q", b"PK\x06\x06", 44, 45, 45, 0, 0, count, count, size, start)
    locator = struct.pack("<4sLQL", b"PK\x06\x07", 0, at, 1)
    end = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 0xFFFF, 0xFFFF, 0xFFFFFFFF, 0xFFFFFFFF, 0)
    read_all(data[:at] + end64 + locator + end)
    assert "zip64" in refusal(data[:at] + locator + end)


# ---- safetensors headers

@pytest.mark.parametrize("data, words", [
    (safetensors({"a": ("F32", [2], [0, 8])}, bytes(4)), "outside the file"),
    (safetensors({"a": ("F32", [2], [0, 8])}, bytes(9)), "9 bytes of data"),
    (safetensors({"a": ("F32", [3], [0, 8])}, bytes(8)), "needs 12"),
    (safetensors({"a": ("F32", [1], [4, 8])}, bytes(8)), "holes"),
    (safetensors({"a": ("F32", [2], [0, 8]), "b": ("F32", [1], [4, 8])}, bytes(8)), "overlap"),
    (safetensors({"a": ("F32", [1], [8, 4])}, bytes(8)), "outside"),
    (safetensors({"a": ("F32", [-1], [0, 8])}, bytes(8)), "shape"),
    (safetensors({"a": ("F32", [1.0], [0, 4])}, bytes(4)), "shape"),
    (safetensors({"a": ("F32", [True], [0, 4])}, bytes(4)), "shape"),
    (safetensors({"a": ("F32", [1 << 62, 4], [0, 0])}, b""), "sensible"),
    (safetensors({"a": ("F32", [1 << 39, 1 << 39], [0, 0])}, b""), "too large"),
    (safetensors({"a": ("F32", [1] * 9, [0, 4])}, bytes(4)), "9 axes"),
    (safetensors({"a": ("F4", [1], [0, 4])}, bytes(4)), "unknown type F4"),
    (safetensors({"a": ([], [1], [0, 4])}, bytes(4)), "unknown type"),
    (safetensors({"a": ("F32", [1])}, bytes(4)), "fields"),
    (safetensors({"a": ("F32", [1], [0, 4])}, bytes(4), metadata={"a": 1}), "__metadata__"),
    (safetensors({}, b"", metadata=[]), "__metadata__"),
    (safetensors({}, b"", text=b'{"a":1,"a":2}'), "twice"),
    (safetensors({}, b"", text=b'{"a":1}'), "fields"),
    (safetensors({}, b"", text=b'{"\xff":1}'), "header"),
    (safetensors({}, b"", text=b'{"a":NaN}'), "NaN"),
    (safetensors({}, b"", text=b'{"a":' + b"[" * 50000), "deep"),
    (safetensors({}, b"", text=b'{} x'), "header"),
    (safetensors({}, b"", length=4000), "cut short"),
    (safetensors({}, b"", length=1 << 40), "neither"),
])
def test_safetensors_headers(data, words):
    assert words in refusal(data)


@pytest.mark.parametrize("key, value", [
    ("viseme.config", "{"), ("viseme.config", "[]"), ("viseme.config", '{"frame_rate": -1}'),
    ("viseme.config", '{"unknown": 1}'), ("viseme.vocab", '["", "a"]'), ("viseme.vocab", "3"),
    ("viseme.source", "a\nb"), ("viseme.license", "x" * 5000), ("viseme.license", "\ud800"),
])
def test_damaged_viseme_metadata(key, value, state, tmp_path, refused):
    entries, at = {}, 0
    for name, array in state.items():
        entries[name] = ("F32", array.shape, [at, at + array.nbytes])
        at += array.nbytes
    (tmp_path / "in").write_bytes(safetensors(
        entries, bytes(at), metadata={"viseme.format": "1", "viseme.arch": "lipnet", key: value}))
    refused(tmp_path / "in", "damaged viseme metadata")
    (tmp_path / "in").unlink()
