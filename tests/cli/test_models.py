"""viseme models: what it tells of a good file, and damaged ones."""
import json
import struct

import pytest


def parts(path):
    """(header as a dict, data bytes) of a safetensors file."""
    whole = open(path, "rb").read()
    size = struct.unpack("<Q", whole[:8])[0]
    return json.loads(whole[8:8 + size]), whole[8 + size:]


def write(path, header, data):
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)
    return path


def test_show(viseme, weights):
    header, data = parts(weights)
    meta = header.pop("__metadata__")
    text = viseme("models", "show", weights)
    assert text.code == 0 and "network     lipnet\n" in text.out
    assert f"tensors     {len(header)} (" in text.out and "FC.weight" not in text.out
    assert "FC.weight" in viseme("models", "show", "-v", weights).out
    found = viseme("models", "show", "--json", weights).json()
    assert found["arch"] == "lipnet" and found["bytes"] == len(data)
    assert found["parameters"] == 6638844 and found["vocabulary_size"] == 28
    assert found["dtypes"] == {"F32": len(header)} and found["metadata"] == meta
    assert {t["name"]: t["shape"] for t in found["tensors"]} == {
        name: t["shape"] for name, t in header.items()}


def test_show_card(viseme, weights, tmp_path):
    header, data = parts(weights)
    header["__metadata__"].update({"viseme.card.name": "Some LipNet", "viseme.license": "CC0-1.0",
                                   "viseme.card.limits": "one\x1bspeaker", "viseme.source": "here"})
    path = write(tmp_path / "in", header, data)
    shown = viseme("models", "show", path).out
    for line in ("licence     CC0-1.0\n", "source      here\n", "card        name: Some LipNet\n",
                 "card        limits: one?speaker\n"):
        assert line in shown
    assert viseme("models", "show", "--json", path).json()["metadata"]["viseme.card.name"] == \
        "Some LipNet"


def test_verify(viseme, weights):
    result = viseme("models", "verify", weights)
    assert result.code == 0 and "matches; 0 NaN, 0 Inf; every tensor fits lipnet" in result.out
    found = viseme("models", "verify", "--json", weights).json()
    assert found["status"] == "ok" and found["has_checksum"] is True
    assert int(parts(weights)[0]["__metadata__"]["viseme.crc32"], 16) == found["crc32"]


def test_one_flipped_bit(viseme, weights, tmp_path):
    header, data = parts(weights)
    data = bytearray(data)
    data[len(data) // 2] ^= 1
    bad = write(tmp_path / "bad.safetensors", header, bytes(data))
    viseme("models", "verify", bad).error(6, "bad.safetensors")
    result = viseme("models", "verify", "--json", bad)
    result.error(6)
    assert result.json()["status"] == "error" and result.json()["error"] == "model"


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_not_finite(viseme, weights, tmp_path, value):
    header, data = parts(weights)
    header["__metadata__"].pop("viseme.crc32")
    bad = write(tmp_path / "bad", header, struct.pack("<f", value) + data[4:])
    viseme("models", "verify", bad).error(6, "bad")


@pytest.mark.parametrize("damage", ["truncated", "longer", "html", "empty", "missing", "folder",
                                    "huge header", "no such arch", "tensor missing"])
def test_damaged(viseme, weights, tmp_path, damage):
    """None of these may be shown as whole, or read with."""
    header, data = parts(weights)
    bad = tmp_path / "bad"
    if damage == "truncated":
        write(bad, header, data[:-1000])
    elif damage == "longer":
        write(bad, header, data + b"\0")
    elif damage == "html":
        bad.write_text("<!DOCTYPE html><html>Not found</html>\n")
    elif damage == "empty":
        bad.write_bytes(b"")
    elif damage == "folder":
        bad.mkdir()
    elif damage == "huge header":
        bad.write_bytes(struct.pack("<Q", 1 << 60) + b"{}")
    elif damage == "no such arch":
        header["__metadata__"]["viseme.arch"] = "lipless"
        write(bad, header, data)
    elif damage == "tensor missing":
        header["FD.weight"] = header.pop("FC.weight")
        write(bad, header, data)
    viseme("models", "verify", bad).error(6, "bad")
    viseme("read", "-m", bad, "anything").error(6, "bad")
    viseme("run", bad, "-i", "x=y.npy").error(6, "bad")
