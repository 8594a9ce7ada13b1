#!/usr/bin/env python3
"""Writes what the unit tests of the networks need into FOLDER: seeded weights, inputs, and the
golden's taps (values inside the network) as .npy files.

    tests/make_data.py FOLDER
"""
import os
import subprocess
import sys

import numpy as np

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def main(folder):
    os.makedirs(folder, exist_ok=True)
    tool = [sys.executable, os.path.join(ROOT, "weights-tools", "seeded_weights.py"), "lipnet"]
    subprocess.run([*tool, "-o", os.path.join(folder, "lipnet.safetensors")], check=True)
    subprocess.run([*tool, "--input", "x", "-o", os.path.join(folder, "lipnet.x.npy")], check=True)
    taps = np.load(os.path.join(ROOT, "tests", "goldens", "lipnet", "taps.npz"))
    for name in taps.files:
        value = np.atleast_1d(taps[name]).astype(np.float32)
        np.save(os.path.join(folder, f"lipnet.{name}.npy"), value)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(sys.argv[1])
