#!/usr/bin/python3
"""What the audio tokens' loss is worth: two arms of the sentence reader's training, with and
without it, alike otherwise.

    bench/accuracy/arms.py --work WORK --out OUT [--pools PREFIX...] [--steps N N] [--seeds N...]

WORK is what `train_syncvsr.py prepare` made. Every arm is trained once for each seed (an
interrupted run goes on where it was), converted, and reads GRID's test clips of speaker 1 in
../shared through the program. Prints Markdown: word error rates of the joint search on these clips;
on clips kept aside from training, of CTC alone, how often the decoder tells the next unit of the
true text, and the encoder an audio token.
"""
import argparse
import json
import os
import statistics
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.dirname(HERE)]
import grid  # noqa: E402
import record  # noqa: E402
from reader import ROOT, Reader  # noqa: E402

TOOLS = os.path.join(ROOT, "weights-tools")
ARMS = {"with": 10, "without": 0}  # lambda
COLUMNS = ("wer", "next_unit", "audio_token")


def train(settings, out, weight, seed):
    subprocess.run([sys.executable, os.path.join(TOOLS, "train", "train_syncvsr.py"), "train",
                    "--work", settings.work, "--out", out, "--pools", *settings.pools, "--steps",
                    *map(str, settings.steps), "--share", str(settings.share), "--every", "1000000",
                    "--units", str(settings.units), "--config", settings.config, "--seed",
                    str(seed), "--audio-weight", str(weight), "--threads", str(settings.threads)],
                   check=True)


def converted(out):
    weights = os.path.join(out, "syncvsr.safetensors")
    with open(os.path.join(out, "syncvsr.json"), encoding="utf-8") as file:
        config = file.read().strip()
    subprocess.run([sys.executable, os.path.join(TOOLS, "convert.py"),
                    os.path.join(out, "syncvsr.pt"), "-o", weights, "--arch", "syncvsr",
                    "--vocab", os.path.join(out, "units.txt"), "--config", config], check=True,
                   stdout=subprocess.DEVNULL)
    return weights


def last_checks(out):
    """{column: mean over the pools} of the training's last look at the clips kept aside."""
    with open(os.path.join(out, "log.tsv"), encoding="utf-8") as file:
        head, *rows = [line.split("\t") for line in file]
    rows = [dict(zip(head, row)) for row in rows if row[0] == rows[-1][0]]
    return {name: statistics.mean(float(row[name]) for row in rows) for name in COLUMNS}


def measured(settings, arm, seed):
    out = os.path.join(settings.out, f"{arm}-{seed}")
    train(settings, out, ARMS[arm], seed)
    facts = last_checks(out)
    clips = grid.clips()[0]
    if clips:
        reader = Reader(settings.program, converted(out))
        rates = reader.error_rates([" ".join(grid.sentence(c)) for c in clips], reader.read(clips))
        facts["joint"] = rates["words"]["error_rate"]
    return facts


def percent(values):
    shown = f"{100 * statistics.mean(values):.1f} %"
    return shown if len(values) == 1 else f"{shown} (± {100 * statistics.stdev(values):.1f})"


def lines(found):
    """Markdown of {arm: {seed: facts}}."""
    head = ("audio tokens", "seed", "WER, joint search, test clips", "WER, CTC, kept aside",
            "next unit right", "audio token right")
    keys = ("joint", *COLUMNS)
    rows = []
    for arm, runs in found.items():
        for seed, facts in runs.items():
            rows.append([arm, seed, *(percent([facts[k]]) if k in facts else "-" for k in keys)])
        rows.append([arm, "mean (± deviation)",
                     *(percent([f[k] for f in runs.values()]) if k in facts else "-"
                       for k in keys)])
    return record.table(head, rows)


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", required=True, metavar="DIR")
    parser.add_argument("--out", required=True, metavar="DIR")
    parser.add_argument("--program", default=os.path.join(ROOT, "build", "viseme"))
    parser.add_argument("--pools", nargs="+", default=["grid_s1"])
    parser.add_argument("--steps", type=int, nargs=2, default=[0, 600], metavar="N")
    parser.add_argument("--share", type=int, default=8)
    parser.add_argument("--units", type=int, default=60)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--config", default="{}", metavar="JSON", help="as train_syncvsr.py's")
    settings = parser.parse_args()
    result = {"date": record.today(), "commit": record.commit(), "machine": record.machine(),
              "options": vars(settings), "arms": {arm: {} for arm in ARMS}}
    for seed in settings.seeds:
        for arm in ARMS:
            result["arms"][arm][seed] = measured(settings, arm, seed)
            print(f"arm {arm}, seed {seed}: {json.dumps(result['arms'][arm][seed])}",
                  file=sys.stderr)
    text = "\n".join(record.heading("Audio tokens' loss", result) + lines(result["arms"])) + "\n"
    print(text, end="")
    with open(os.path.join(settings.out, "arms.md"), "w", encoding="utf-8") as out:
        out.write(text)


if __name__ == "__main__":
    main()
