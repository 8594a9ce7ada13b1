"""Files that we write, read by somebody else's parser of safetensors: the one of the npm package
@huggingface/hub. Skipped where node or the package (make deps-test installs it) is missing."""
import json
import os
import shutil
import struct
import subprocess

import numpy as np
import pytest
import torch

import seeded_weights
from conftest import ROOT

PEERS = os.path.join(ROOT, "tests", "peers")
PARSER = os.path.join(PEERS, "node_modules", "@huggingface", "hub", "package.json")


@pytest.fixture(scope="module")
def peer():
    """Calls the parser for a file; returns the process."""
    if not shutil.which("node") or not os.path.exists(PARSER):
        pytest.skip("node or tests/peers/node_modules is not here")

    def call(path):
        return subprocess.run(["node", os.path.join(PEERS, "read_safetensors.js"), str(path)],
                              capture_output=True, text=True, timeout=60)

    return call


def numbers(raw, dtype):
    if dtype == "BF16":
        return (np.frombuffer(raw, "<u2").astype(np.uint32) << 16).view(np.float32)
    return np.frombuffer(raw, {"F32": "<f4", "F16": "<f2"}[dtype]).astype(np.float32)


@pytest.mark.parametrize("dtype", ["f32", "f16", "bf16"])
@pytest.mark.parametrize("arch", ["lipnet", "lipnet_keras"])
def test_converted_file(arch, dtype, peer, tmp_path, run_convert):
    """Names, types, shapes, metadata and, by the offsets that the peer reads, the numbers."""
    state = seeded_weights.weights(arch)
    torch.save({n: torch.from_numpy(v) for n, v in state.items()}, tmp_path / "in.pt")
    result = run_convert(tmp_path / "in.pt", "--dtype", dtype, "--license", "CC0-1.0", "--card",
                         'name=Quotes " and ünïcode', "--json")
    assert result.code == 0, result.err
    path = tmp_path / "in.safetensors"
    done = peer(path)
    assert done.returncode == 0, done.stderr
    parsed = json.loads(done.stdout)
    metadata = parsed["header"].pop("__metadata__")
    assert metadata["viseme.arch"] == arch and metadata["viseme.license"] == "CC0-1.0"
    assert metadata["viseme.card.name"] == 'Quotes " and ünïcode'
    assert parsed["parameterCount"] == {dtype.upper(): json.loads(result.out)["parameters"]}
    assert parsed["header"].keys() == state.keys()
    whole = path.read_bytes()
    data = 8 + struct.unpack("<Q", whole[:8])[0]
    bound = {"f32": 0, "f16": 2 ** -11, "bf16": 2 ** -8}[dtype]
    for name, entry in parsed["header"].items():
        start, end = entry["data_offsets"]
        assert entry["dtype"] == dtype.upper()
        got = numbers(whole[data + start:data + end], entry["dtype"]).reshape(entry["shape"])
        np.testing.assert_allclose(got, state[name], rtol=bound, atol=6e-8 * (bound > 0))


def test_peer_refuses_a_cut_file(peer, tmp_path, run_convert):
    """The peer does look at the file: half of one is refused."""
    state = seeded_weights.weights("lipnet")
    torch.save({n: torch.from_numpy(v) for n, v in state.items()}, tmp_path / "in.pt")
    assert run_convert(tmp_path / "in.pt").code == 0
    (tmp_path / "cut.safetensors").write_bytes((tmp_path / "in.safetensors").read_bytes()[:900])
    done = peer(tmp_path / "cut.safetensors")
    assert done.returncode == 1 and "header" in done.stderr
