#!/usr/bin/env python3
"""Writes what the unit tests of the networks need into FOLDER: seeded weights, inputs, and the
golden's taps (values inside the network) as .npy files. What starts with real_ is there only if
the original weights and their goldens are in ../shared.

    tests/make_data.py FOLDER
"""
import json
import os
import subprocess
import sys

import numpy as np

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(ROOT, "weights-tools"))
from reference import seeded  # noqa: E402

SHARED = os.path.join(ROOT, os.pardir, "shared")
NETWORKS = ["lipnet", "lipnet_keras", "blazeface", "facemesh", "wav2lip", "wav2lip_disc",
            "syncnet_color", "yunet", "s3fd", "syncnet", "synce2e", "synce2e_fbank",
            "synce2e_cls_n16", "syncvsr_small"]
# Networks whose real weights may lie beside this repository, and the files they are in.
REAL = {"blazeface": "blazeface.pth", "facemesh": "blazeface_landmark.pth",
        "yunet": "yunet_n.pth"}


def tool(program, *arguments):
    subprocess.run([sys.executable, os.path.join(ROOT, "weights-tools", program), *arguments],
                   check=True, stdout=subprocess.DEVNULL)


def write_taps(goldens, network, start):
    taps = np.load(os.path.join(goldens, network, "taps.npz"))
    for name in taps.files:
        np.save(f"{start}.{name}.npy", np.atleast_1d(taps[name]).astype(np.float32))


def make(network, folder):
    start = os.path.join(folder, network)
    tool("seeded_weights.py", network, "-o", f"{start}.safetensors")
    with open(os.path.join(ROOT, "tests", "goldens", network, "manifest.json")) as file:
        for name in json.load(file)["inputs"]:
            tool("seeded_weights.py", network, "--input", name, "-o", f"{start}.{name}.npy")
    write_taps(os.path.join(ROOT, "tests", "goldens"), network, start)


def make_crops(folder):
    """Bytes that mouth crops are made of."""
    with open(os.path.join(ROOT, "tests", "goldens", "syncvsr_preprocess",
                           "manifest.json")) as file:
        inputs = json.load(file)["inputs"]
    for name, of in inputs.items():
        x = seeded.seeded_input(of["seed"], of["shape"], of["low"], of["high"])
        np.save(os.path.join(folder, f"crops.{name}.npy"), np.floor(x).astype(np.uint8))


def make_real(network, folder):
    weights = os.path.join(SHARED, "weights", "third_party", REAL[network])
    if os.path.exists(weights):
        start = os.path.join(folder, f"real_{network}")
        tool("convert.py", weights, "-o", f"{start}.safetensors")
        write_taps(os.path.join(SHARED, "goldens"), network, start)
        pictures = os.path.join(SHARED, "goldens", network, "input.npz")
        if os.path.exists(pictures):  # the taps are of the first one
            x = np.load(pictures)["input"][:1].transpose(0, 3, 1, 2)
            np.save(f"{start}.x.npy", np.ascontiguousarray(x, np.float32))


def main(folder):
    os.makedirs(folder, exist_ok=True)
    for network in NETWORKS:
        make(network, folder)
    make_crops(folder)
    for network in REAL:
        make_real(network, folder)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(sys.argv[1])
