"""The search in PyTorch that bench/search.py compares with finds what upstream's finds."""
import json
import os

import numpy as np
import torch

from conftest import ROOT
from reference import joint_search, seeded

GOLDEN = os.path.join(ROOT, "tests", "goldens", "syncvsr_small")


def load(name):
    return torch.from_numpy(np.load(os.path.join(GOLDEN, name))[0])


def test_finds_the_golden_hypotheses():
    with open(os.path.join(GOLDEN, "manifest.json")) as file:
        manifest = json.load(file)
    with open(os.path.join(GOLDEN, "beam.json")) as file:
        case = next(c for c in json.load(file)["cases"] if c["name"] == "beam5_maxlen9")
    shapes = {name: shape for name, shape in manifest["parameters"].items()
              if name.startswith("decoder.")}
    overrides = np.load(os.path.join(GOLDEN, "overrides.npz"))
    state = seeded.seeded_state(shapes, {n: overrides[n] for n in overrides.files if n in shapes})
    decoder = joint_search.Decoder({n: torch.from_numpy(v) for n, v in state.items()},
                                   manifest["config"]["dheads"])
    with torch.inference_mode():
        found = joint_search.search(decoder, load("encoder.npy"), load("ctc_logp.npy"), 5, 9, 0.1)
    assert [tokens for _, tokens in found] == [h["yseq"][1:] for h in case["nbest"]]
    np.testing.assert_allclose([score for score, _ in found],
                               [h["score"] for h in case["nbest"]], atol=1e-4)
