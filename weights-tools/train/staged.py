"""A training in stages, as train_sync.py and train_wav2lip.py run it: command line, log, going on.

A training has `options` (with "steps", how many each stage takes), `step`, `losses`, `checked`
(pools of clips kept aside), COLUMNS (names of what check() gives), and

    draw(step)            the batch of a step, from the step alone
    advance(batch)        one step; returns the loss
    stage()               the stage at hand, None after the last
    check(stage, pool)    a number for each of COLUMNS
    export(out, stage)    writes what is complete when that stage ends
    state(), restore(s)   everything that a run which was stopped needs
"""
import concurrent.futures
import json
import math
import os
import sys
import time

import numpy as np

from train import checkpoints
from train.progress import Progress, duration

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def add_prepare(sub, what):
    """The arguments of `prepare`. what: "videos -> ..."."""
    one = sub.add_parser("prepare", help=what)
    one.add_argument("folders", nargs="+", metavar="FOLDER")
    one.add_argument("--work", required=True, metavar="DIR", help="where they are kept")
    one.add_argument("--jobs", type=int, default=1)
    one.add_argument("--limit", type=int, help="clips of each folder")
    one.add_argument("--program", default=os.path.join(ROOT, "build", "viseme"))


def add_train(sub, what, steps, config):
    """The arguments of `train` that are alike; returns its parser. steps: of each stage; config:
    what --config may differ from."""
    two = sub.add_parser("train", help=what)
    two.add_argument("--work", required=True, metavar="DIR", help="what prepare made")
    two.add_argument("--out", required=True, metavar="DIR")
    two.add_argument("--pools", nargs="+", metavar="PREFIX[,PREFIX]...", default=[""],
                     help="clips whose names start so form a pool; each gives as many clips to a "
                     "batch as the others (default: all clips are one pool)")
    two.add_argument("--steps", type=int, nargs=len(steps), default=steps, metavar="N",
                     help=f"of the {len(steps)} stages (default {' '.join(map(str, steps))})")
    two.add_argument("--seed", type=int, default=1)
    two.add_argument("--threads", type=int, default=2)
    two.add_argument("--every", type=int, default=200, help="steps between checks")
    two.add_argument("--limit", type=int, help="stop after so many steps")
    two.add_argument("--config", type=json.loads, default={}, metavar="JSON",
                     help="what differs from " + json.dumps(config))
    two.add_argument("--exact", action="store_true", help="float32 instead of bfloat16")
    return two


def write_log(path, training, stage, seconds):
    """One line for each pool: step, stage, pool, training loss, validation, seconds so far."""
    fresh = not os.path.exists(path)
    with open(path, "a", encoding="utf-8") as out:
        if fresh:
            out.write("\t".join(["step", "stage", "pool", "loss", *training.COLUMNS, "seconds"])
                      + "\n")
        for number, pool in enumerate(training.checked):
            loss = np.mean(training.losses) if training.losses else math.nan
            fields = [f"{v:.4f}" for v in [loss, *training.check(stage, pool)]]
            line = "\t".join([str(training.step), stage, str(number), *fields, f"{seconds:.0f}"])
            out.write(line + "\n")
            print(line, file=sys.stderr)
    training.losses = []


def run(name, training, out, every, limit=None):
    """Trains to the end, or for `limit` steps, or until someone stops it. name: the program's.
    Returns its exit code."""
    path, log = os.path.join(out, "state.pt"), os.path.join(out, "log.tsv")
    saved = checkpoints.load(path)
    if saved is not None:
        if saved["options"] != training.options:
            raise SystemExit(f"{name}: {path} is of a run with other options: give a new folder")
        training.restore(saved)
    total = sum(training.options["steps"])
    stop, began = checkpoints.Stop(), time.monotonic()
    progress = Progress("steps", total, training.step)
    end = min(total, training.step + limit) if limit else total
    with concurrent.futures.ThreadPoolExecutor(1) as ahead:
        coming = ahead.submit(training.draw, training.step)
        while training.step < end and not stop.wanted:
            stage = training.stage()
            batch = coming.result()
            coming = ahead.submit(training.draw, min(training.step + 1, total - 1))
            training.losses.append(training.advance(batch))
            progress.step(f"{stage}, loss {np.mean(training.losses[-50:]):.4f}")
            turn = training.stage() != stage
            if turn or training.step % every == 0:
                write_log(log, training, stage, time.monotonic() - began)
                print(f"{training.step}/{total}, {duration(progress.left())} left",
                      file=sys.stderr)
                checkpoints.save(path, training.state())
            if turn:
                training.export(out, stage)
    checkpoints.save(path, training.state())
    if training.step == total:
        return 0
    print(f"{name}: stopped; the same command goes on from here", file=sys.stderr)
    return 130
