#!/usr/bin/env python3
"""Writes the stand-in weights and inputs that the parity tests and benchmarks use.

  seeded_weights.py lipnet -o seeded.safetensors     weights drawn from the tensors' names
  seeded_weights.py lipnet --input x -o x.npy        the input that goes with them

The recipe is in reference/seeded.py; tests/goldens/NETWORK/overrides.npz, where there is one,
replaces tensors that must fit each other. Every run writes the same bytes.
"""
import argparse
import os
import sys

import numpy as np

import architectures
import convert
import safetensors_io
from errors import EXIT_USAGE, Refusal
from output import complete_file
from reference import seeded
from tensors import StoredTensor

# Shape and range of every input, per network.
INPUTS = {"lipnet": {"x": ((1, 3, 75, 64, 128), 0.0, 1.0)},
          "lipnet_keras": {"x": ((1, 75, 100, 50, 3), 0.0, 1.0)},
          "blazeface": {"x": ((2, 3, 128, 128), 0.0, 1.0)},
          "facemesh": {"x": ((6, 3, 192, 192), 0.0, 1.0)},
          "wav2lip": {"mel": ((2, 1, 80, 16), -4.0, 4.0), "face": ((2, 6, 96, 96), 0.0, 1.0)},
          "wav2lip_disc": {"face": ((1, 3, 5, 96, 96), 0.0, 1.0)},
          "syncnet_color": {"audio": ((2, 1, 80, 16), -4.0, 4.0),
                            "face": ((2, 15, 48, 96), 0.0, 1.0)}}

# Where the seeds of a network's inputs start with another name.
SEEDS = {"syncnet_color": "wav2lip_syncnet"}

GOLDENS = os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir, "tests", "goldens")


def weights(arch):
    """{name: float32 array} of the network `arch` with its default hyperparameters."""
    known = architectures.ARCHITECTURES[arch]
    path = os.path.join(GOLDENS, arch, "overrides.npz")
    overrides = np.load(path) if os.path.exists(path) else {}
    return seeded.seeded_state(known.parameters(known.config), overrides)


def network_input(arch, name):
    shape, low, high = INPUTS[arch][name]
    return seeded.seeded_input(f"{SEEDS.get(arch, arch)}/{name}", shape, low, high)


def write_weights(arch, path, dtype):
    known = architectures.ARCHITECTURES[arch]
    stored = {name: StoredTensor(value.tobytes, value.size, "F32", value.shape)
              for name, value in weights(arch).items()}
    safetensors_io.write(path, stored, dtype, {
        "viseme.format": "1", "viseme.arch": arch,
        "viseme.config": convert.compact(known.config),
        **convert.vocab_entry(known.vocab and known.vocab(known.config)),
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
