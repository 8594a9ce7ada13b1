"""The language model beside the sentence reader: what the converter makes of its checkpoints."""
import json
import os
import subprocess
import sys

import pytest
import torch

import architectures
import safetensors_io
from conftest import ROOT, TOOLS
from reference import seeded

GOLDEN = os.path.join(ROOT, "tests", "goldens", "syncvsr_small", "manifest_lm.json")


def checkpoint(folder):
    """The golden's language model as PyTorch stores it; its manifest."""
    with open(GOLDEN) as file:
        manifest = json.load(file)
    state = {name: torch.from_numpy(value)
             for name, value in seeded.seeded_state(manifest["parameters"]).items()}
    torch.save(state, folder / "lm.pth")
    return folder / "lm.pth", manifest


def convert(source, out, *options):
    return subprocess.run([sys.executable, os.path.join(TOOLS, "convert.py"), source, "-o", out,
                           *options], capture_output=True, text=True)


def test_sizes_come_from_shapes(tmp_path):
    source, manifest = checkpoint(tmp_path)
    out = tmp_path / "lm.safetensors"
    done = convert(source, out, "--config", '{"head": 4}')
    assert done.returncode == 0, done.stderr
    stored, metadata = safetensors_io.read(memoryview(out.read_bytes()))
    assert metadata["viseme.arch"] == "syncvsr_lm"
    config = json.loads(metadata["viseme.config"])
    upstream = manifest["config"]
    assert {key: config[key] for key in ("layer", "unit", "att_unit", "embed_unit", "head",
                                         "pos_enc")} == \
        {key: upstream[key] for key in ("layer", "unit", "att_unit", "embed_unit", "head",
                                        "pos_enc")}
    assert config["odim"] == manifest["vocab"]
    assert stored.keys() == manifest["parameters"].keys()


@pytest.mark.parametrize("config, says", [('{"head": 5}', "multiple of head"),
                                          ('{"head": 4, "pos_enc": "rotary"}', "pos_enc"),
                                          ('{"head": 0}', "head must be")])
def test_refuses_impossible_configs(tmp_path, config, says):
    source, _ = checkpoint(tmp_path)
    done = convert(source, tmp_path / "lm.safetensors", "--config", config)
    assert done.returncode == 2 and says in done.stderr
    assert not (tmp_path / "lm.safetensors").exists()


def test_published_sizes():
    known = architectures.ARCHITECTURES["syncvsr_lm"]
    shapes = known.parameters(known.config)
    known.check(known.config)
    assert architectures.recognise(shapes) == "syncvsr_lm"
    assert known.from_shapes(shapes).items() <= known.config.items()
