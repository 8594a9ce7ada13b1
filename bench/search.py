#!/usr/bin/python3
"""The sentence reader's beam search against PyTorch: a decoder of the published size with
stand-in weights, 3 seconds of made-up encoder output, one thread.

    bench/search.py [--build BUILD] [--beam 40] [--frames 75] [--steps 77] [--threads 1]
                    [--rounds 3] [--keep FOLDER] [--only-write]

First both search 12 steps and must find the same hypotheses. Then each searches all steps, in
turns; the PyTorch side (weights-tools/reference/joint_search.py) does the arithmetic that upstream
does. No hypothesis ends before the last step, as the weights have no reason to. Figures are medians
of the rounds; the ratio is that of CPU time, which says more than wall time where others run too.
--keep keeps the weights (230 MB) and finds them again; --only-write ends there: the unit test
test_joint_beam takes them as its argument.
"""
import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time

import numpy as np

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(ROOT, "weights-tools"))
import safetensors_io  # noqa: E402
import sentence_networks  # noqa: E402
from reference import seeded  # noqa: E402
from tensors import StoredTensor  # noqa: E402

CONFIG = sentence_networks.SYNCVSR_CONFIG
CTC_WEIGHT = 0.1
CHECKED_STEPS = 12


def decoder_state():
    shapes = {name: shape for name, shape in sentence_networks.syncvsr_parameters(CONFIG).items()
              if name.startswith("decoder.")}
    return seeded.seeded_state(shapes)


def write_weights(path):
    tensors = {name: StoredTensor(value.tobytes, value.size, "F32", value.shape)
               for name, value in decoder_state().items()}
    safetensors_io.write(path, tensors, "F32", {
        "viseme.format": "1", "viseme.arch": "token_decoder",
        "viseme.config": json.dumps({"dheads": CONFIG["dheads"]})})


def clip(frames):
    """Rows as a layer norm leaves them, and log-probabilities that are sure of little."""
    encoder = seeded.seeded_input("search/encoder", (frames, CONFIG["adim"]), -1.73, 1.73)
    scores = seeded.seeded_input("search/ctc", (frames, CONFIG["odim"]), 0, 12).astype(np.float64)
    scores -= np.log(np.exp(scores).sum(1, keepdims=True))
    return encoder, scores.astype(np.float32)


def run_viseme(args, weights, folder, steps):
    answer = subprocess.run(
        [os.path.join(args.build, "bench/search"), weights, str(args.threads), str(args.frames),
         str(args.beam), str(steps), "1", os.path.join(folder, "encoder"),
         os.path.join(folder, "ctc")], check=True, stdout=subprocess.PIPE, text=True).stdout
    return json.loads(answer)


def run_torch(decoder, encoder, ctc, args, steps):
    import torch
    from reference import joint_search
    wall, cpu = time.perf_counter(), time.process_time()
    with torch.inference_mode():
        best = joint_search.search(decoder, encoder, ctc, args.beam, steps, CTC_WEIGHT)
    return {"ms": [(time.perf_counter() - wall) * 1e3],
            "cpu_ms": (time.process_time() - cpu) * 1e3, "best": best}


def check(ours, theirs):
    for i, (a, b) in enumerate(zip(ours["best"], theirs["best"])):
        if a["tokens"] != b[1] or abs(a["score"] - b[0]) > 1e-3:
            sys.exit(f"search.py: hypothesis {i} is {a['tokens']} ({a['score']:.5f}), PyTorch's "
                     f"{b[1]} ({b[0]:.5f})")
    print(f"{CHECKED_STEPS} steps: the {len(ours['best'])} best hypotheses are the same, "
          f"scores {ours['best'][0]['score']:.4f} and {theirs['best'][0][0]:.4f}")


def compare(args, weights, folder):
    import torch
    from reference import joint_search
    torch.set_num_threads(args.threads)
    encoder, ctc = clip(args.frames)
    encoder.tofile(os.path.join(folder, "encoder"))
    ctc.tofile(os.path.join(folder, "ctc"))
    encoder, ctc = torch.from_numpy(encoder), torch.from_numpy(ctc)
    decoder = joint_search.Decoder({name: torch.from_numpy(value)
                                    for name, value in decoder_state().items()}, CONFIG["dheads"])
    check(run_viseme(args, weights, folder, CHECKED_STEPS),
          run_torch(decoder, encoder, ctc, args, CHECKED_STEPS))
    ours, theirs = [], []
    for _ in range(args.rounds):
        ours.append(run_viseme(args, weights, folder, args.steps))
        theirs.append(run_torch(decoder, encoder, ctc, args, args.steps))
    middle = statistics.median
    rows = [(name, middle(r["ms"][0] for r in results), middle(r["cpu_ms"] for r in results))
            for name, results in (("viseme", ours), (f"PyTorch {torch.__version__}", theirs))]
    print(f"beam {args.beam}, {args.frames} frames, {args.steps} steps, "
          f"{args.threads} thread{'s' * (args.threads > 1)}, {ours[0]['cpu']}, "
          f"load {ours[0]['load_ms']:.0f} ms")
    for name, wall, cpu in rows:
        print(f"  {name:16} {wall:9.0f} ms wall, {cpu:9.0f} ms CPU")
    print(f"  {rows[1][2] / rows[0][2]:.1f} times less CPU time, "
          f"{rows[1][1] / rows[0][1]:.1f} times faster")


def main():
    p = argparse.ArgumentParser(description=__doc__,
                                formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--build", default="build")
    for name, default in (("beam", 40), ("frames", 75), ("steps", 77), ("threads", 1),
                          ("rounds", 3)):
        p.add_argument(f"--{name}", type=int, default=default)
    p.add_argument("--keep")
    p.add_argument("--only-write", action="store_true")
    args = p.parse_args()
    if os.environ.get("OPENBLAS_NUM_THREADS") != str(args.threads):
        # PyTorch's GEMM is OpenBLAS, which counts its threads when it is loaded.
        limits = {name: str(args.threads) for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS")}
        os.execve(sys.executable, [sys.executable, *sys.argv], {**os.environ, **limits})
    with tempfile.TemporaryDirectory() as folder:
        if args.keep:
            os.makedirs(args.keep, exist_ok=True)
        weights = os.path.join(args.keep or folder, "decoder.safetensors")
        if not os.path.exists(weights):
            write_weights(weights)
        if not args.only_write:
            compare(args, weights, folder)


if __name__ == "__main__":
    main()
