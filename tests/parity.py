#!/usr/bin/env python3
"""How exactly viseme reproduces the original PyTorch networks: one table.

    tests/parity.py [--build BUILD] [--network NAME...] [--json]

Every network runs on the weights and inputs of its golden (tests/goldens/NAME, drawn by
weights-tools/seeded_weights.py), at every CPU level of this machine, with both gemm providers, on
1 and 2 threads, through `viseme run`. A row passes when the largest |ours - golden| is at most
max(1e-5, 4 e) of the golden's range, e being the golden's own float32-float64 error, and when the
bits do not depend on the number of threads.

Needs NumPy only. Exits 1 when a row fails; the last line counts rows.
"""
import argparse
import json
import os
import subprocess
import sys
import tempfile

import numpy as np

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
GOLDENS = os.path.join(ROOT, "tests", "goldens")
SHARED = os.path.join(ROOT, os.pardir, "shared", "goldens")
NETWORKS = ["lipnet", "lipnet_keras", "blazeface", "facemesh", "wav2lip", "wav2lip_disc",
            "syncnet_color", "yunet", "s3fd",
            "syncnet", "synce2e", "synce2e_fbank",
            *(f"synce2e_cls_n{n}" for n in (7, 9, 11, 13, 15, 16, 20)), "syncvsr_small",
            "syncvsr_lrw", "syncvsr_lrw_nowb", "syncvsr_landmark", "syncvsr_landmark_nowb"]
# Run only when named: 1 GB of weights is drawn, and the golden lies beside this repository.
LARGE = {"syncvsr_lrs": ["video"]}
LEVELS = ["c", "avx2", "avx512"]
THREADS = [1, 2]


def call(*command):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    if done.returncode:
        sys.exit(f"{' '.join(command)}: exit code {done.returncode}: {done.stderr.strip()}")
    return done.stdout


def seeded(arch, path, *rest):
    call(sys.executable, os.path.join(ROOT, "weights-tools", "seeded_weights.py"), arch, "-o",
         path, *rest)


def ways(viseme):
    """(CPU level, gemm provider) pairs that this build and machine can run."""
    facts = json.loads(call(viseme, "version", "--json"))
    levels = LEVELS[:LEVELS.index(facts["cpu_best"]) + 1]
    providers = ["native"] + (["blas"] if facts["blas"] else [])
    return [(level, provider) for level in levels for provider in providers]


def rows_of(arch, viseme, folder):
    """Yields a dict for every way to run `arch` and every output of it."""
    golden = os.path.join(SHARED if arch in LARGE else GOLDENS, arch)
    if not os.path.exists(golden):
        sys.exit(f"{arch}: {os.path.normpath(golden)} is missing")
    with open(os.path.join(golden, "manifest.json")) as file:
        manifest = json.load(file)
    if arch in LARGE:
        manifest["inputs"] = LARGE[arch]
        manifest["outputs"] = {
            name: {**manifest["outputs"][name], "max_abs_diff_to_float64_run": error}
            for name, error in manifest["fp32_error"].items()
            if name in ("frontend", "encoder", "ctc_logp")}
    weights = os.path.join(folder, f"{arch}.safetensors")
    seeded(arch, weights)
    inputs = []
    for name in manifest["inputs"]:
        path = os.path.join(folder, f"{arch}.{name}.npy")
        seeded(arch, path, "--input", name)
        inputs += ["-i", f"{name}={path}"]
    goldens = {name: np.load(os.path.join(golden, fact["file"]))
               for name, fact in manifest["outputs"].items()}
    ours = {name: os.path.join(folder, f"{arch}.ours.{name}.npy") for name in goldens}
    outputs = [word for name, path in ours.items() for word in ("-o", f"{name}={path}")]
    for level, provider in ways(viseme):
        first = {}
        for threads in THREADS:
            call(viseme, "run", weights, *inputs, *outputs, "--cpu", level, "--gemm", provider,
                 "-t", str(threads))
            for name, golden in goldens.items():
                got = np.load(ours[name])
                span = float(golden.max() - golden.min())
                e = manifest["outputs"][name]["max_abs_diff_to_float64_run"] / span
                same = first.setdefault(name, got.tobytes()) == got.tobytes()
                worst = (float(np.abs(got.astype(np.float64) - golden).max()) / span
                         if got.shape == golden.shape else float("inf"))
                limit = max(1e-5, 4 * e)
                yield {"network": arch, "output": name, "cpu": level, "gemm": provider,
                       "threads": threads, "worst": worst, "e": e, "limit": limit,
                       "same_bits": same, "ok": worst <= limit and same}


def main(argv):
    p = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    p.add_argument("--build", default=os.path.join(ROOT, "build"))
    p.add_argument("--network", action="append", choices=NETWORKS + list(LARGE))
    p.add_argument("--json", action="store_true", help="one JSON array instead of the table")
    args = p.parse_args(argv)
    viseme = os.path.join(os.path.abspath(args.build), "viseme")
    rows = []
    line = "{:<13} {:<15} {:<7} {:<7} {:>7}  {:>9}  {:>9}  {:>9}  {}"
    if not args.json:
        print(line.format("network", "output", "cpu", "gemm", "threads", "worst", "e", "limit",
                          ""))
    with tempfile.TemporaryDirectory(prefix="viseme-parity-") as folder:
        for arch in args.network or NETWORKS:
            for row in rows_of(arch, viseme, folder):
                rows.append(row)
                if not args.json:
                    verdict = ("ok" if row["ok"] else
                               "TOO FAR" if row["same_bits"] else "BITS DEPEND ON THREADS")
                    print(line.format(row["network"], row["output"], row["cpu"], row["gemm"],
                                      row["threads"], f"{row['worst']:.2e}", f"{row['e']:.2e}",
                                      f"{row['limit']:.2e}", verdict), flush=True)
    failed = sum(not row["ok"] for row in rows)
    if args.json:
        print(json.dumps(rows))
    else:
        print("worst and e are shares of the golden output's range\n"
              f"{len(rows) - failed} passed, {failed} failed")
    return 1 if failed or not rows else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
