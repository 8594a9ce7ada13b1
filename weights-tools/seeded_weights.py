#!/usr/bin/env python3
"""Writes the stand-in weights and inputs that the parity tests and benchmarks use.

  seeded_weights.py lipnet -o seeded.safetensors     weights drawn from the tensors' names
  seeded_weights.py lipnet --input x -o x.npy        the input that goes with them

The recipe is in reference/seeded.py. Where they are there, tests/goldens/NETWORK/factors.npz
multiplies output channels and tests/goldens/NETWORK/overrides.npz replaces tensors that must fit
each other. Every run writes the same bytes.
"""
import argparse
import os
import sys

import numpy as np

import architectures
import convert
import safetensors_io
import sync_networks
from errors import EXIT_USAGE, Refusal
from output import complete_file
from reference import seeded
from tensors import StoredTensor

# Networks that go by another name than their architecture's, or have another config than its
# default: (architecture, what is changed).
VARIANTS = {
    "synce2e": ("synce2e", {"matrix": 11}),
    "synce2e_fbank": ("synce2e", {"matrix": 11, "audio_trunk": "fbank",
                                  "aud_widths": sync_networks.FBANK_WIDTHS}),
    **{f"synce2e_cls_n{n}": ("synce2e_cls", {"matrix": n}) for n in (7, 9, 11, 13, 15, 16, 20)},
    "syncvsr_small": ("syncvsr", {"adim": 64, "aheads": 4, "eunits": 128, "elayers": 2, "dheads": 4,
                                  "dunits": 128, "dlayers": 2, "odim": 41, "input_size": 88}),
    "syncvsr_lrs": ("syncvsr", {"input_size": 88}),
    "syncvsr_lrw_nowb": ("syncvsr_lrw", {"word_boundary": 0, "hidden": 2048}),
    "syncvsr_landmark_nowb": ("syncvsr_landmark", {"word_boundary": 0}),
}

# Networks that are too large for the repository's tests.
LARGE = ("syncvsr_lrs",)

# Greys 0 to 255, as SyncVSR's networks get them: (x / 255 - 0.421) / 0.165.
GREYS = ((0 - 0.421) / 0.165, (1 - 0.421) / 0.165)

# Shape and range of every input, per network; None: see network_input().
INPUTS = {"lipnet": {"x": ((1, 3, 75, 64, 128), 0.0, 1.0)},
          "lipnet_keras": {"x": ((1, 75, 100, 50, 3), 0.0, 1.0)},
          "blazeface": {"x": ((2, 3, 128, 128), 0.0, 1.0)},
          "facemesh": {"x": ((6, 3, 192, 192), 0.0, 1.0)},
          "syncnet": {"lip": ((2, 3, 5, 224, 224), 0.0, 255.0),
                      "aud": ((2, 1, 13, 20), -30.0, 30.0)},
          **{net: {"lip": ((1, 3, 15, 224, 224), 0.0, 255.0), "aud": None, "matrix": None}
             for net in ("synce2e", "synce2e_fbank")},
          **{f"synce2e_cls_n{n}": {"matrix": ((1, 1, n, n), -1.0, 1.0)}
             for n in (7, 9, 11, 13, 15, 16, 20)},
          "wav2lip": {"mel": ((2, 1, 80, 16), -4.0, 4.0), "face": ((2, 6, 96, 96), 0.0, 1.0)},
          "wav2lip_disc": {"face": ((1, 3, 5, 96, 96), 0.0, 1.0)},
          "syncnet_color": {"audio": ((2, 1, 80, 16), -4.0, 4.0),
                            "face": ((2, 15, 48, 96), 0.0, 1.0)},
          "syncvsr_small": {"video": ((1, 40, 1, 88, 88), *GREYS)},
          "syncvsr_lrs": {"video": ((1, 50, 1, 88, 88), *GREYS)},
          "syncvsr_lrw": {"video": ((2, 1, 29, 96, 96), *GREYS), "word_mask": None},
          "syncvsr_lrw_nowb": {"video": ((2, 1, 29, 96, 96), *GREYS)},
          "syncvsr_landmark": {"x": None, "word_mask": None},
          "syncvsr_landmark_nowb": {"x": None},
          "yunet": {"x": ((2, 3, 96, 128), 0.0, 2.0)},
          "s3fd": {"x": ((1, 3, 256, 256), 0.0, 255.0)}}

# Where the seeds of a network's inputs start with another name, or an input has another seed.
SEEDS = {"syncnet_color": "wav2lip_syncnet", "synce2e/lip": "synce2e/video",
         "synce2e_fbank/lip": "synce2e_fbank/video",
         **{f"{net}/video": f"{net}/x" for net in ("syncvsr_small", "syncvsr_lrs", "syncvsr_lrw")},
         "syncvsr_lrw_nowb/video": "syncvsr_lrw/x",
         **{f"synce2e_cls_n{n}/matrix": f"synce2e/matrix{n}" for n in (7, 9, 11, 13, 15, 16, 20)}}

# What is subtracted from the channels of a network's inputs.
MEANS = {"s3fd": (104, 117, 123)}

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir)
GOLDENS = os.path.join(ROOT, "tests", "goldens")
# Where the goldens of LARGE may lie.
SHARED = os.path.join(ROOT, os.pardir, "shared", "goldens")


def settled(arch):
    """The architecture and the config of a network of INPUTS."""
    name, changes = VARIANTS.get(arch, (arch, {}))
    return name, {**architectures.ARCHITECTURES[name].config, **changes}


def weights(arch):
    """{name: float32 array} of a network of INPUTS."""
    name, config = settled(arch)
    shapes = architectures.ARCHITECTURES[name].parameters(config)
    golden = os.path.join(SHARED if arch in LARGE else GOLDENS, arch)
    factors, overrides = (
        np.load(path) if os.path.exists(path) else {}
        for path in (os.path.join(golden, f"{part}.npz")
                     for part in ("factors", "overrides")))
    state = seeded.seeded_state(shapes, overrides)
    for name in factors:
        factor = factors[name].reshape(-1, *[1] * (state[name].ndim - 1))
        state[name] = (state[name] * factor).astype(np.float32)
    return state


def prepared(raw):
    """Points [T 478 3] of a face, NaN where unknown, as SyncVSR prepares them: [T 1434]."""
    exact = raw.astype(np.float64)
    mean, deviation = np.nanmean(exact, (0, 1)), np.nan_to_num(exact).std(ddof=1)
    return np.nan_to_num((raw - np.float32(mean)) / np.float32(deviation)).reshape(len(raw), -1)


def landmarks():
    """Points of two faces as SyncVSR prepares them: 29 frames, and 25 with padding behind them."""
    clips = np.full((2, 29, 478 * 3), -100, np.float32)
    for i, frames in enumerate((29, 25)):
        raw = seeded.seeded_input(f"syncvsr_landmark/raw{frames}", (frames, 478, 3))
        clips[i, :frames] = prepared(raw)
    return clips


def word_mask():
    """Words of 11 and 6 frames in the middle of 29."""
    mask = np.zeros((2, 29), np.float32)
    mask[0, 9:20] = mask[1, 11:17] = 1
    return mask


def network_input(arch, name):
    if arch.startswith("syncvsr_landmark") and name == "x":
        return landmarks()
    if name == "word_mask":
        return word_mask()
    if VARIANTS.get(arch, [None])[0] == "synce2e" and name == "aud":  # windows of one piece
        mel = seeded.seeded_input(f"{arch}/mel", (40, 60), -2.0, 2.0)
        return np.stack([mel[None, :, 4 * t:4 * t + 20] for t in range(11)])
    if VARIANTS.get(arch, [None])[0] == "synce2e" and name == "matrix":  # of its own streams
        return np.load(os.path.join(GOLDENS, arch, "matrix.npy"))
    shape, low, high = INPUTS[arch][name]
    x = seeded.seeded_input(SEEDS.get(f"{arch}/{name}", f"{SEEDS.get(arch, arch)}/{name}"),
                            shape, low, high)
    if arch in MEANS:
        x -= np.array(MEANS[arch], np.float32).reshape(-1, 1, 1)
    return x


def write_weights(arch, path, dtype):
    name, config = settled(arch)
    known = architectures.ARCHITECTURES[name]
    stored = {tensor: StoredTensor(value.tobytes, value.size, "F32", value.shape)
              for tensor, value in weights(arch).items()}
    safetensors_io.write(path, stored, dtype, {
        "viseme.format": "1", "viseme.arch": name, "viseme.config": convert.compact(config),
        **convert.vocab_entry(known.vocab and known.vocab(config)),
        "viseme.source": "random numbers seeded by the tensors' names",
        "viseme.license": "CC0-1.0", "viseme.created_by": "viseme seeded_weights.py 0.1.0"})


def main(argv):
    p = argparse.ArgumentParser(prog="seeded_weights.py", description=__doc__,
                                formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("arch", metavar="NETWORK", choices=sorted(INPUTS),
                   help=", ".join(sorted(INPUTS)))
    p.add_argument("-o", "--output", metavar="FILE", required=True)
    p.add_argument("--input", metavar="NAME", help="write this input, not the weights")
    p.add_argument("--dtype", choices=("f32", "f16", "bf16"), default="f32")
    args = p.parse_args(argv)
    try:
        if args.input is None:
            write_weights(args.arch, args.output, args.dtype.upper())
        elif args.input in INPUTS[args.arch]:
            with complete_file(args.output) as out:
                np.save(out, network_input(args.arch, args.input))
        else:
            raise Refusal(f"{args.arch} has no input {args.input}; it has "
                          f"{', '.join(INPUTS[args.arch])}", EXIT_USAGE)
    except Refusal as e:
        print(f"seeded_weights.py: {e}", file=sys.stderr)
        return e.code
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
