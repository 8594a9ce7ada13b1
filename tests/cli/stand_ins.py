"""Stand-in weights: for networks that move lips, narrow and made by hand; for those that write
sentences, narrow and drawn.

A generator that copies: its face is the reference face with less contrast, whatever is said, so
what comes out of it is known. Or one that paints: every pixel has one colour."""
import json
import math
import os
import sys

import numpy as np

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "weights-tools"))

import language_networks  # noqa: E402
import sentence_networks  # noqa: E402
import wav2lip_networks as networks  # noqa: E402
from reference import seeded  # noqa: E402

NARROW = {"face_widths": [6, 2, 2, 2, 2, 2, 2], "face_residuals": [0] * 6,
          "audio_widths": [2] * 5, "audio_residuals": [0] * 4,
          "decoder_widths": [2] * 7, "decoder_residuals": [0] * 7, "output_width": 3}
NARROW_EXPERT = {"face_widths": [2] * 7, "face_residuals": [0] * 6,
                 "audio_widths": [2] * 5, "audio_residuals": [0] * 4}
GREEN = (20, 200, 30)  # B, G, R
NARROW_READER = {"adim": 32, "aheads": 2, "eunits": 48, "elayers": 1, "dheads": 2, "dunits": 48,
                 "dlayers": 1, "odim": 40, "frontend_widths": [8, 8, 16, 16],
                 "cnn_module_kernel": 7}
NARROW_LM = {"layer": 1, "unit": 32, "att_unit": 16, "embed_unit": 8, "head": 2, "odim": 40}
SLOPE = 3.0  # of the sigmoid's argument: a copy has 3 / 4 of the contrast


def blank(shapes):
    """Convolutions of zeros, norms that change nothing."""
    ones = (".running_var", "conv_block.1.weight")
    return {name: np.full(shape, 1.0 if name.endswith(ones) else 0.0, np.float32)
            for name, shape in shapes.items()}


def save(path, arch, config, tensors, **more):
    header, at = {"__metadata__": {
        "viseme.format": "1", "viseme.arch": arch, "viseme.config": json.dumps(config),
        "viseme.license": "CC0-1.0", "viseme.source": "made by a test", **more}}, 0
    for name, value in tensors.items():
        header[name] = {"dtype": "F32", "shape": list(value.shape),
                        "data_offsets": [at, at + value.nbytes]}
        at += value.nbytes
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as f:
        f.write(len(text).to_bytes(8, "little") + text)
        for value in tensors.values():
            f.write(value.astype("<f4").tobytes())
    return str(path)


def generator(path, colour=None, **metadata):
    """colour: (b, g, r) from 0 to 255 for one that paints; None: one that copies."""
    config = {**networks.GENERATOR_CONFIG, **NARROW}
    w = blank(networks.generator_parameters(config))
    if colour is None:
        for i in range(6):  # the face, as it is, next to the decoder's two channels
            w["face_encoder_blocks.0.0.conv_block.0.weight"][i, i, 3, 3] = 1
        for i in range(3):
            w["output_block.0.conv_block.0.weight"][i, 2 + 3 + i, 1, 1] = 1
            w["output_block.1.weight"][i, i, 0, 0] = SLOPE
        w["output_block.1.bias"][:] = -SLOPE / 2
    else:
        share = [(c + 0.5) / 255 for c in colour]
        w["output_block.1.bias"][:] = [math.log(s / (1 - s)) for s in share]
    return save(path, "wav2lip", config, w, **metadata)


def expert(path):
    """One whose vectors are both (1, 0): the cosine is 1."""
    config = {**networks.EXPERT_CONFIG, **NARROW_EXPERT}
    w = blank(networks.expert_parameters(config))
    for name in w:
        if name.endswith("conv_block.1.bias"):
            w[name][0] = 1
    return save(path, "syncnet_color", config, w)


def sentence_reader(path, **config):
    """What it reads is nonsense, but always the same: units w3, w5 ..., which begin a word, and y2,
    y4 ...."""
    config = {**sentence_networks.SYNCVSR_CONFIG, **NARROW_READER, **config}
    vocab = ["<blank>", "<unk>", *((f"\u2581w{i}" if i % 2 else f"y{i}")
                                   for i in range(2, config["odim"] - 1)), "<eos>"]
    state = seeded.seeded_state(sentence_networks.syncvsr_parameters(config))
    return save(path, "syncvsr", config, state, **{"viseme.vocab": json.dumps(vocab)})


def token_lm(path, **config):
    config = {**language_networks.LM_CONFIG, **NARROW_LM, **config}
    return save(path, "syncvsr_lm", config,
                seeded.seeded_state(language_networks.lm_parameters(config)))


NARROW_WORDS = {"syncvsr_lrw": {"depth": 1, "heads": 1, "num_labels": 12, "hidden": 40,
                                "frontend_widths": [4, 4, 8, 8], "audio_outputs": 320},
                "syncvsr_landmark": {"layers": 1, "dim": 16, "heads": 2, "hidden": 24,
                                     "labels": 12, "audio_outputs": 320}}


def word_reader(path, arch="syncvsr_lrw", **config):
    """Tells twelve words from each other, by chance."""
    start, parameters = {
        "syncvsr_lrw": (sentence_networks.LRW_CONFIG, sentence_networks.lrw_parameters),
        "syncvsr_landmark": (sentence_networks.LANDMARK_CONFIG,
                             sentence_networks.landmark_parameters)}[arch]
    config = {**start, **NARROW_WORDS[arch], **config}
    words = [f"WORD{i}" for i in range(config.get("num_labels") or config["labels"])]
    return save(path, arch, config, seeded.seeded_state(parameters(config)),
                **{"viseme.vocab": json.dumps(words)})
