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
import architectures  # noqa: E402
import safetensors_io  # noqa: E402
import seeded_weights  # noqa: E402
from reference import seeded  # noqa: E402
from tensors import StoredTensor  # noqa: E402

SHARED = os.path.join(ROOT, os.pardir, "shared")
NETWORKS = ["lipnet", "lipnet_keras", "blazeface", "facemesh", "wav2lip", "wav2lip_disc",
            "syncnet_color", "yunet", "s3fd", "syncnet", "synce2e", "synce2e_fbank",
            "synce2e_cls_n16", "syncvsr_small", "syncvsr_lrw",
            "syncvsr_landmark"]
# Networks whose real weights may lie beside this repository, and the files they are in.
REAL = {"blazeface": "blazeface.pth", "facemesh": "blazeface_landmark.pth",
        "yunet": "yunet_n.pth"}


def tool(program, *arguments):
    subprocess.run([sys.executable, os.path.join(ROOT, "weights-tools", program), *arguments],
                   check=True, stdout=subprocess.DEVNULL)


def write_taps(goldens, network, start):
    taps = np.load(os.path.join(goldens, network, "taps.npz"))
    for name in taps.files:
        values = np.atleast_1d(taps[name]).astype(np.float32)
        np.save(f"{start}.{name.replace('/', '.')}.npy", values)


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


def write_tensors(path, arch, config, state, **metadata):
    tensors = {name: StoredTensor(value.tobytes, value.size, "F32", value.shape)
               for name, value in state.items()}
    safetensors_io.write(path, tensors, "F32", {
        "viseme.format": "1", "viseme.arch": arch, "viseme.config": json.dumps(config),
        **metadata})


def make_search(folder):
    """The decoder of syncvsr_small alone and its language model, with positions and without."""
    golden = os.path.join(ROOT, "tests", "goldens", "syncvsr_small")
    with open(os.path.join(golden, "manifest.json")) as file:
        manifest = json.load(file)
    shapes = {name: shape for name, shape in manifest["parameters"].items()
              if name.startswith("decoder.")}
    overrides = np.load(os.path.join(golden, "overrides.npz"))
    vocab = ["<blank>", "<unk>", *(f"\u2581W{i}" if i % 3 else f"P{i}" for i in range(2, 40)),
             "<eos>"]
    write_tensors(os.path.join(folder, "token_decoder.safetensors"), "token_decoder",
                  {"dheads": manifest["config"]["dheads"]},
                  seeded.seeded_state(shapes, {name: overrides[name] for name in overrides.files
                                               if name in shapes}),
                  **{"viseme.vocab": json.dumps(vocab)})
    with open(os.path.join(golden, "manifest_lm.json")) as file:
        manifest = json.load(file)
    for kind in ("none", "sinusoidal"):
        write_tensors(os.path.join(folder, f"token_lm_{kind}.safetensors"), "syncvsr_lm",
                      {"head": manifest["config"]["head"], "pos_enc": kind},
                      seeded.seeded_state(manifest["parameters"]))


def make_narrow(folder):
    """Wav2Lip's generator and expert of two channels, for tests of what is around them."""
    expert = {"face_widths": [2] * 7, "face_residuals": [0] * 6, "audio_widths": [2] * 5,
              "audio_residuals": [0] * 4}
    generator = {**expert, "decoder_widths": [2] * 7, "decoder_residuals": [0] * 7,
                 "output_width": 2}
    for arch, config in (("wav2lip", generator), ("syncnet_color", expert)):
        network = architectures.ARCHITECTURES[arch]
        write_tensors(os.path.join(folder, f"narrow_{arch}.safetensors"), arch, config,
                      seeded.seeded_state(network.parameters({**network.config, **config})))


# Sizes of word readers that take no time.
WORDS = {"syncvsr_lrw": {"depth": 1, "heads": 1, "num_labels": 9, "hidden": 40,
                         "frontend_widths": [4, 4, 8, 8], "audio_outputs": 320},
         "syncvsr_landmark": {"layers": 1, "dim": 16, "heads": 2, "hidden": 24, "labels": 9,
                              "audio_outputs": 320}}


def make_words(folder):
    """Narrow word readers, with and without the word's place; points of faces, and what becomes of
    them."""
    for arch, sizes in WORDS.items():
        known = architectures.ARCHITECTURES[arch]
        for boundary in (0, 1):
            config = {**known.config, **sizes, "word_boundary": boundary}
            write_tensors(os.path.join(folder, f"words_{arch}_{boundary}.safetensors"), arch,
                          config, seeded.seeded_state(known.parameters(config)),
                          **{"viseme.vocab": json.dumps([f"WORD{i}" for i in range(9)])})
    mesh = seeded.seeded_input("syncvsr_preprocess/facemesh", (6, 478, 3)).astype(np.float64)
    mesh[..., :2] = mesh[..., :2] * (0.4, 0.5) + (0.3, 0.25)
    mesh[..., :2] += np.array([(0, 0), (0.05, 0.08), (-0.32, 0), (0.31, 0), (0, -0.35),
                               (0.013, 0.3)])[:, None]
    np.save(os.path.join(folder, "words.mesh.npy"), np.float32(256 * mesh))
    for frames in (29, 33):
        raw = seeded.seeded_input(f"syncvsr_landmark/raw{frames}", (frames, 478, 3))
        if frames == 33:
            raw[4] = raw[10, 100:140] = np.nan
        np.save(os.path.join(folder, f"words.raw{frames}.npy"), raw)
        np.save(os.path.join(folder, f"words.prepared{frames}.npy"), seeded_weights.prepared(raw))


def main(folder):
    os.makedirs(folder, exist_ok=True)
    for network in NETWORKS:
        make(network, folder)
    make_crops(folder)
    for network in REAL:
        make_real(network, folder)
    make_search(folder)
    make_narrow(folder)
    make_words(folder)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(sys.argv[1])
