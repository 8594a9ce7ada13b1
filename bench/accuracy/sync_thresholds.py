#!/usr/bin/python3
"""What `viseme sync` is sure of: clips with their own sound against clips with a wrong one.

    bench/accuracy/sync_thresholds.py [--weights FILE] [--program build/viseme] [--join N] [--quick]

Each clip is measured with its own sound, with the sound of another clip of the same kind, and with
noise as loud as speech. A method that compares cosines or distances says "unknown" below a
prominence (LEAST_PROMINENCE in tasks/sync_measure.c), a classifier below a probability
(LEAST_PROBABILITY). For some thresholds the tables say how many clips with their own sound are
known, how many of these are within a frame of the clips' median offset, and how many of the others
are believed, which should be none. --join: so many clips behind each other make one (default 1,
3 s). Rendered faces come from bench/accuracy/testset.py, real ones from ../shared.
"""
import argparse
import json
import os
import subprocess
import sys
import tempfile

import numpy as np

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path[:0] = [HERE, os.path.dirname(HERE)]
import record  # noqa: E402
import sync_clips  # noqa: E402

PROMINENCES = (2, 2.5, 3, 3.5, 4, 4.5, 5, 6, 8)
PROBABILITIES = (0.15, 0.2, 0.25, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8)
KINDS = ("own", "other", "noise")


def measure(program, weights, path):
    """{method: (how sure, offset in frames by the lowest cost)} of a file; {} where nothing could
    be compared."""
    run = subprocess.run([program, "sync", "-q", "-m", weights, "--json", "--method", "all", path],
                         stdout=subprocess.PIPE, stdin=subprocess.DEVNULL)
    result = json.loads(run.stdout)
    found = {}
    for method, one in result.get("methods", {}).items():
        classifier = method in ("e2e", "cls")
        sure = one["confidence" if classifier else "prominence"]
        costs = one["curve"]["costs"]
        if sure is not None and costs:
            first = round(one["curve"]["first_ms"] / one["curve"]["step_ms"])
            found[method] = sure, first + int(np.argmin(costs))
    return found


def table(rows, method, thresholds):
    """Lines of a table; rows: {kind: [(sure, offset) or None of each clip]}."""
    own = [r for r in rows["own"] if r]
    middle = np.median([offset for _, offset in own]) if own else 0
    lines = []
    for threshold in thresholds:
        known = [r for r in own if r[0] >= threshold]
        right = [r for r in known if abs(r[1] - middle) <= 1]
        cells = [f"{threshold}", f"{len(known)}", f"{len(right)}"]
        cells += [str(sum(1 for r in rows[kind] if r and r[0] >= threshold))
                  for kind in KINDS[1:]]
        lines.append(cells)
    counts = [len(rows[kind]) for kind in KINDS]
    return record.table([method, f"own sound known, of {counts[0]}", "of these within a frame",
                         f"another's believed, of {counts[1]}",
                         f"noise believed, of {counts[2]}"], lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", default=os.path.join(ROOT, "build", "viseme"))
    parser.add_argument("--weights", default=os.path.join(ROOT, "weights", "sync.safetensors"))
    parser.add_argument("--join", type=int, default=1, metavar="N")
    parser.add_argument("--quick", action="store_true", help="few clips")
    args = parser.parse_args()
    for name, paths in sync_clips.data_sets(args.quick):
        rows = {}
        with tempfile.TemporaryDirectory() as scratch:
            clips = sync_clips.joined(paths, args.join, scratch)
            for i, clip in enumerate(clips):
                sounds = {"own": clip, "other": clips[(i + 1) % len(clips)], "noise": None}
                for kind, sound in sounds.items():
                    path = sync_clips.with_sound(clip, sound, scratch) if sound != clip else clip
                    found = measure(args.program, args.weights, path)
                    for method in found:
                        rows.setdefault(method, {k: [] for k in KINDS})
                    for method in rows:
                        rows[method][kind].append(found.get(method))
        print(f"### {name}: {len(clips)} clips\n")
        for method, found in rows.items():
            classifier = method in ("e2e", "cls")
            print("\n".join(table(found, method, PROBABILITIES if classifier else PROMINENCES)))
            print()


if __name__ == "__main__":
    main()
