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


NETWORKS = ["lipnet", "lipnet_keras"]


def make(network, folder):
    tool = [sys.executable, os.path.join(ROOT, "weights-tools", "seeded_weights.py"), network]

    def path(ending):
        return os.path.join(folder, f"{network}.{ending}")

    subprocess.run([*tool, "-o", path("safetensors")], check=True)
    subprocess.run([*tool, "--input", "x", "-o", path("x.npy")], check=True)
    taps = np.load(os.path.join(ROOT, "tests", "goldens", network, "taps.npz"))
    for name in taps.files:
        np.save(path(f"{name}.npy"), np.atleast_1d(taps[name]).astype(np.float32))


def main(folder):
    os.makedirs(folder, exist_ok=True)
    for network in NETWORKS:
        make(network, folder)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(sys.argv[1])
