"""Keras's .h5 files: by order, whatever the names; and what is refused."""
import io
import json
import os

import numpy as np
import pytest

import architectures
import checkpoint
import keras_files
import seeded_weights
from conftest import GOLDENS
from errors import Refusal

h5py = pytest.importorskip("h5py")


@pytest.fixture(scope="module")
def layout():
    with open(os.path.join(GOLDENS, "lipnet_keras", "h5_layout.json"), encoding="utf-8") as file:
        return json.load(file)


@pytest.fixture(scope="module")
def weights():
    return seeded_weights.weights("lipnet_keras")


def written(path, layout, weights, later_names=False, under=None, change=lambda name, v: v):
    """A file as save_weights() of Keras 2.0.2 leaves it; `later_names`: of 2.0.3 and on."""
    named = layout["weight_names_attribute_of_each_group"]
    with h5py.File(path, "w") as file:
        root = file.create_group(under) if under else file
        for key, value in layout["root_attributes"].items():
            root.attrs[key] = [v.encode() for v in value] if isinstance(value, list) else value
        stored = {}
        for name, entry in layout["weights"].items():
            stored[entry["layer"], entry["weight_name"]] = \
                name, entry.get("weight_name_keras_2_0_3_or_later", entry["weight_name"])
        for layer, weight_names in named.items():
            group = root.create_group(layer)
            used = []
            for old in weight_names:
                name, later = stored[layer, old]
                used.append(later if later_names else old)
                group.create_dataset(used[-1], data=change(name, weights[name]))
            group.attrs["weight_names"] = np.array([u.encode() for u in used], dtype="S64")
    return path


def test_parameters_are_those_of_the_layout(layout):
    known = architectures.ARCHITECTURES["lipnet_keras"]
    own = known.parameters(known.config)
    assert {n: list(s) for n, s in own.items()} == \
        {n: e["shape"] for n, e in layout["weights"].items()}
    with open(os.path.join(GOLDENS, "lipnet_keras", "manifest.json"), encoding="utf-8") as file:
        manifest = json.load(file)
    assert {n: list(s) for n, s in own.items()} == manifest["parameters"]
    shape, low, high = seeded_weights.INPUTS["lipnet_keras"]["x"]
    entry = manifest["inputs"]["x"]
    assert (list(shape), low, high) == (entry["shape"], entry["low"], entry["high"])


@pytest.mark.parametrize("options", [{}, {"later_names": True}, {"under": "model_weights"}])
def test_converts(options, layout, weights, tmp_path, run_convert):
    written(tmp_path / "in.h5", layout, weights, **options)
    result = run_convert(tmp_path / "in.h5", "--json")
    assert result.code == 0, result.err
    summary = json.loads(result.out)
    assert (summary["kind"], summary["arch"], summary["tensors"]) == ("keras h5", "lipnet_keras",
                                                                     len(weights))
    tensors, metadata, _ = checkpoint.read(checkpoint.open_bytes(tmp_path / "in.safetensors"))
    for name, value in weights.items():
        np.testing.assert_array_equal(tensors[name].f32(), value)
    assert json.loads(metadata["viseme.vocab"]) == \
        [chr(c) for c in range(ord("a"), ord("z") + 1)] + [" ", ""]
    assert json.loads(metadata["viseme.config"])["blank"] == 27


def test_another_alphabet(layout, weights, tmp_path, run_convert, refused):
    def wider(name, value):
        return np.concatenate([value, value[..., :2]], -1) if name.startswith("dense1") else value
    written(tmp_path / "in.h5", layout, weights, change=wider)
    refused(tmp_path / "in.h5", '30 classes, "" at 29', code=2)
    (tmp_path / "vocab.json").write_text(json.dumps([str(n) for n in range(29)] + [""]))
    result = run_convert(tmp_path / "in.h5", "--vocab", tmp_path / "vocab.json")
    assert result.code == 0, result.err


def test_refusals(layout, weights, tmp_path, refused):
    path = tmp_path / "in.h5"
    fewer = {**layout, "weight_names_attribute_of_each_group":
             {**layout["weight_names_attribute_of_each_group"], "batc3": []}}
    refused(written(path, fewer, weights), "28 weights in its layers", "lipnet_keras")
    refused(written(path, layout, weights, change=lambda n, v: v[..., :1] if n == "conv2/bias"
                    else v), "conv2/bias", "misshapen")
    refused(written(path, layout, weights, change=lambda n, v: v.astype(np.int32)
                    if n == "conv1/bias" else v), "conv1/bias", "int32")
    refused(written(path, layout, weights, change=lambda n, v: v * np.nan if n == "dense1/bias"
                    else v), "dense1/bias", "NaN")
    written(path, layout, weights)
    refused(path, "fits no network", options=("--arch", "lipnet"))
    with h5py.File(path, "a") as file:
        del file.attrs["layer_names"]
    refused(path, "layer_names")
    written(path, layout, weights)
    with h5py.File(path, "a") as file:
        file.attrs["layer_names"] = [b"conv1", b"conv1"]
    refused(path, "twice")


def test_nothing_from_other_files(layout, weights, tmp_path, refused):
    secret, path = tmp_path / "secret.h5", tmp_path / "in.h5"
    written(secret, layout, weights)
    for link in (h5py.ExternalLink(str(secret), "/conv1"), h5py.SoftLink("/conv2")):
        with h5py.File(written(path, layout, weights), "a") as file:
            del file["conv1"]
            file["conv1"] = link
        refused(path, "only a link")
    with h5py.File(written(path, layout, weights), "a") as file:
        del file["conv1/conv1/bias:0"]
        file["conv1/conv1"].create_dataset("bias:0", (32,), "<f4",
                                           external=[(str(secret), 0, 128)])
    refused(path, "another file")
    with h5py.File(written(path, layout, weights), "a") as file:
        del file["conv1/conv1/bias:0"]
        view = h5py.VirtualLayout((32,), "<f4")
        view[:] = h5py.VirtualSource(str(secret), "/conv1/conv1/bias:0", (32,))
        file["conv1/conv1"].create_virtual_dataset("bias:0", view)
    refused(path, "another file")


def test_bombs_and_damage(layout, weights, tmp_path):
    buffer = io.BytesIO()
    with h5py.File(buffer, "w") as file:
        file.attrs["layer_names"] = [b"a"]
        group = file.create_group("a")
        group.attrs["weight_names"] = [b"w"]
        group.create_dataset("w", (1 << 30,), "<f4", chunks=(1 << 16,), compression="gzip")
    with pytest.raises(Refusal, match="too large"):
        keras_files.read_h5(memoryview(buffer.getvalue()))
    whole = written(tmp_path / "in.h5", layout, weights).read_bytes()
    rng = np.random.RandomState(3)
    refusals = 0
    for _ in range(40):
        damaged = bytearray(whole[:1 << 16])
        for at in rng.randint(0, 8192, 6):
            damaged[at] = rng.randint(256)
        try:
            keras_files.read_h5(memoryview(bytes(damaged)))
        except Refusal:
            refusals += 1
    assert refusals == 40


def test_without_h5py(layout, weights, tmp_path, refused, monkeypatch):
    written(tmp_path / "in.h5", layout, weights)
    monkeypatch.setitem(__import__("sys").modules, "h5py", None)
    refused(tmp_path / "in.h5", "python3-h5py", code=3)
