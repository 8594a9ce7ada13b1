"""The whole path against PyTorch on real clips: the crops that `viseme face` dumps, run through
our PyTorch LipNet and decoded by a few lines of Python, must give what `viseme read` prints."""
import glob
import os
import sys

import numpy as np
import pytest

from conftest import CLIPS, ROOT, SMALL

REAL = sorted(glob.glob(os.path.join(CLIPS, "*.mpg")))
WEIGHTS = os.path.join(ROOT, "weights", "lipnet.safetensors")
LETTERS = " ABCDEFGHIJKLMNOPQRSTUVWXYZ"


def greedy(logits):
    """LipNet-PyTorch's decoding: repeats and blanks (0) dropped, spaces never doubled."""
    best = logits.argmax(axis=1)
    kept = [b for i, b in enumerate(best) if b and (i == 0 or b != best[i - 1])]
    return " ".join("".join(LETTERS[b - 1] for b in kept).split())


@pytest.mark.skipif(not REAL, reason="the real clips are not here")
def test_every_clip_reads_as_in_pytorch(viseme, has_video, tmp_path):
    torch = pytest.importorskip("torch")
    sys.path.insert(0, os.path.join(ROOT, "weights-tools"))
    from reference import run as reference

    torch.set_num_threads(2)
    net = reference.load("lipnet", WEIGHTS)
    clips = REAL[::12] if SMALL else REAL
    read = viseme("read", "-m", WEIGHTS, *clips)
    assert read.code == 0, read.err
    texts = dict(line.split("\t") for line in read.out.splitlines())
    for clip in clips:
        crops = tmp_path / "x.npy"
        assert viseme("face", "--crops-npy", crops, clip).code == 0
        assert texts[clip] == greedy(reference.run(net, np.load(crops))[0]), clip
        crops.unlink()
