#!/usr/bin/env python3
"""Runs a converted weights file in PyTorch, to compare viseme with.

  run.py lipnet WEIGHTS.safetensors --input x.npy --output logits.npy [--threads N]
  run.py wav2lip WEIGHTS.safetensors --input mel=m.npy --input face=f.npy --output frames.npy

Networks with several outputs write the one that --name names.
"""
import argparse
import importlib
import json
import os
import sys

import numpy as np
import torch

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir))
import checkpoint  # noqa: E402
from errors import EXIT_USAGE, Refusal  # noqa: E402
from output import complete_file  # noqa: E402

NETWORKS = ["blazeface", "facemesh", "lipnet", "synce2e", "synce2e_cls", "syncnet", "syncnet_color",
            "syncvsr", "syncvsr_landmark", "syncvsr_lrw", "wav2lip", "wav2lip_disc"]


def load(arch, path):
    """The network `arch` in evaluation mode with the weights of the safetensors file `path`."""
    tensors, metadata, _ = checkpoint.read(checkpoint.open_bytes(path))
    if metadata.get("viseme.arch") != arch:
        raise Refusal(f"holds {metadata.get('viseme.arch')}, not {arch}")
    net = importlib.import_module(f"reference.{arch}").from_config(
        json.loads(metadata["viseme.config"]))
    load_into(net, {n: t.f32() for n, t in tensors.items()})
    return net


def load_into(net, arrays):
    """Loads {name: array}, all that the network has but batch norm's count of batches."""
    counts = {n: t for n, t in net.state_dict().items() if n.endswith(".num_batches_tracked")}
    net.load_state_dict({**counts, **{n: torch.from_numpy(a) for n, a in arrays.items()}})


def run(net, x):
    """numpy in, {name: array} for a network with several inputs; out likewise."""
    def tensor(array):
        return torch.from_numpy(np.asarray(array, np.float32))

    with torch.no_grad():
        y = net(**{n: tensor(a) for n, a in x.items()}) if isinstance(x, dict) else net(tensor(x))
    return {n: v.numpy() for n, v in y.items()} if isinstance(y, dict) else y.numpy()


def main(argv):
    p = argparse.ArgumentParser(prog="run.py", description=__doc__,
                                formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("arch", metavar="NETWORK", choices=NETWORKS, help=", ".join(NETWORKS))
    p.add_argument("weights", metavar="WEIGHTS")
    p.add_argument("--input", metavar="[NAME=]X.npy", required=True, action="append",
                   help="every input once; one alone needs no name")
    p.add_argument("--output", metavar="Y.npy", required=True)
    p.add_argument("--name", metavar="OUTPUT", help="which output, if there are several")
    p.add_argument("--threads", metavar="N", type=int, default=1)
    args = p.parse_args(argv)
    torch.set_num_threads(args.threads)
    try:
        named = dict(item.split("=", 1) for item in args.input if "=" in item)
        if len(named) != len(args.input) and (named or len(args.input) > 1):
            raise Refusal("--input wants NAME=X.npy, each name once, where there are several",
                          EXIT_USAGE)
        x = {n: np.load(path) for n, path in named.items()} or np.load(args.input[0])
        y = run(load(args.arch, args.weights), x)
        if isinstance(y, dict) and args.name not in y:
            raise Refusal(f"{args.arch} has the outputs {', '.join(y)}: state one with --name",
                          EXIT_USAGE)
        with complete_file(args.output) as out:
            np.save(out, np.ascontiguousarray(y[args.name] if isinstance(y, dict) else y))
    except Refusal as e:
        print(f"run.py: {args.weights}: {e}", file=sys.stderr)
        return e.code
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
