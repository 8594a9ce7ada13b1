#!/usr/bin/env python3
"""Trains the lip-sync networks: SyncE2E's streams and its classifier of offsets.

    train_sync.py prepare --work DIR [--jobs N] FOLDER...
    train_sync.py train --work DIR --out DIR [--threads N] [--steps MATCH CLS E2E]

`prepare` cuts the faces out of the videos of the folders (25 frames a second, one face; alignments
in alignments.tsv or NAME.align) and takes the mel power of their sound; the program viseme finds
the faces. `train` has three stages, each with its number of steps:
    match  both streams, by the angular multi-way matching loss
    cls    the classifiers on the streams as they are: SyncNet-cls
    e2e    everything together: SyncNet-e2e
and writes OUT/sync_cls.pt after the second and OUT/sync_e2e.pt after the third: the state of
reference/synce2e.py with the classifier for 16 windows, for convert.py; OUT/classifiers_*.pt hold
those for 7, 9 and 11 windows. OUT/log.tsv tells how it went. Ctrl-C saves; the same command goes
on, with the same result as if it had not been stopped.
"""
import argparse
import concurrent.futures
import contextlib
import json
import math
import os
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

import numpy as np  # noqa: E402
import torch  # noqa: E402
from torch.nn import functional as F  # noqa: E402

from reference.sync_methods import diagonal_means  # noqa: E402
from train import checkpoints  # noqa: E402
from train.progress import Progress, duration  # noqa: E402
from train.sync_batches import Batches, held_out, usable  # noqa: E402
from train.sync_clips import load_clips, prepare_folders  # noqa: E402
from train.sync_model import (CONFIG, REACH, SHIPPED, SIZES, Trainee, cut_matrices,  # noqa: E402
                              matching_loss)

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
STAGES = ("match", "cls", "e2e")
STEPS = (2800, 200, 1200)
RATES = {"match": 1e-3, "cls": 2e-3, "e2e": 4e-4}
WARM_UP = 100        # steps
DECAY = 0.02
KEEP_MATCHING = 0.2  # of the matching loss in stage e2e: it keeps the cosines meaningful
CHECKED = 24         # clips of each pool for validation


def learning_rate(stage, step, steps):
    """Up over WARM_UP steps, then down along half a cosine."""
    warm = min(1.0, (step + 1) / min(WARM_UP, max(1, steps // 10)))
    return RATES[stage] * warm * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * step / steps)))


def autocast(exact):
    return contextlib.nullcontext() if exact else torch.cpu.amp.autocast(dtype=torch.bfloat16)


class Training:
    """options: config, steps (three), batch, seed, exact (float32)."""

    def __init__(self, pools, options):
        self.options = options
        torch.manual_seed(options["seed"])
        self.model = Trainee(options["config"])
        frame_size = options["config"]["frame_size"]
        kept = [[c for c in pool if usable(c)] for pool in pools]
        self.batches = Batches([[c for c in pool if not held_out(c)] for pool in kept],
                               frame_size, options["seed"])
        self.checked = [[c for c in pool if held_out(c)][:CHECKED] for pool in kept]
        self.step, self.losses = 0, []
        self._begin_stage()

    # ---- stages

    def where(self):
        """(stage, step in it, steps of it); after the last, (None, 0, 0)."""
        step = self.step
        for stage, steps in zip(STAGES, self.options["steps"]):
            if step < steps:
                return stage, step, steps
            step -= steps
        return None, 0, 0

    def _begin_stage(self):
        """A fresh optimizer for the parameters that the stage at hand trains."""
        stage = self.where()[0]
        cls = [p for n in self.model.cls for p in self.model.cls[n].parameters()]
        rest = [p for n, p in self.model.named_parameters() if not n.startswith("cls.")]
        trained = {"match": rest, "cls": cls, "e2e": rest + cls, None: rest}[stage]
        for p in rest + cls:
            p.requires_grad_(any(p is q for q in trained))
        flat = [p for p in trained if p.dim() <= 1]
        deep = [p for p in trained if p.dim() > 1]
        self.optimizer = torch.optim.AdamW([{"params": deep, "weight_decay": DECAY},
                                            {"params": flat, "weight_decay": 0.0}])

    def state(self):
        return {"options": self.options, "step": self.step, "model": self.model.state_dict(),
                "optimizer": self.optimizer.state_dict()}

    def restore(self, state):
        self.step = state["step"]
        self.model.load_state_dict(state["model"])
        self._begin_stage()
        self.optimizer.load_state_dict(state["optimizer"])

    # ---- one step

    def loss(self, stage, batch):
        planes, windows, parts = batch
        with autocast(self.options["exact"]):
            with torch.set_grad_enabled(stage != "cls"):
                video, audio = self.model.embed(planes, windows)
        total = torch.zeros(())
        if stage != "cls":
            total = matching_loss(self.model, video, audio)
        if stage != "match":
            entropy = [F.cross_entropy(self._classify(n, video, audio, *parts[n]),
                                       (parts[n][1] + REACH).flatten()) for n in SIZES]
            total = sum(entropy) / len(SIZES) + KEEP_MATCHING * total
        return total

    def _classify(self, n, video, audio, starts, offsets):
        """Logits [B*P 11]."""
        matrices = cut_matrices(video, audio, n, starts, offsets)
        with autocast(self.options["exact"]):
            return self.model.cls[str(n)](matrices).flatten(1).float()

    def draw(self, step):
        planes, windows, parts = self.batches.draw(step, self.options["batch"])
        return (planes.float() if self.options["exact"] else planes), windows, parts

    def advance(self, batch):
        """One step with what draw(self.step) gave. Returns the loss."""
        stage, step, steps = self.where()
        self.model.train()
        if stage == "cls":
            self.model.streams.eval()
        for group in self.optimizer.param_groups:
            group["lr"] = learning_rate(stage, step, steps)
        self.optimizer.zero_grad(set_to_none=True)
        loss = self.loss(stage, batch)
        loss.backward()
        torch.nn.utils.clip_grad_norm_([p for g in self.optimizer.param_groups
                                        for p in g["params"]], 5.0)
        self.optimizer.step()
        self.step += 1
        if self.where()[0] != stage:
            self._begin_stage()
        return float(loss)

    # ---- validation

    def check(self, pool):
        """(matching loss, Diag-avg exact, within one, classifier exact, within one) on the clips
        kept aside, for matrices of SHIPPED windows."""
        self.model.eval()
        loss, right = [], []
        with torch.no_grad():
            for at in range(0, len(pool), 8):
                planes, windows, parts = self.batches.plain(pool[at:at + 8], seed=at)
                with autocast(self.options["exact"]):
                    video, audio = self.model.embed(planes.float() if self.options["exact"]
                                                    else planes, windows)
                loss.append(float(matching_loss(self.model, video, audio)))
                starts, offsets = parts[SHIPPED]
                matrices = cut_matrices(video, audio, SHIPPED, starts, offsets)[:, 0].numpy()
                found = [np.array([diagonal_means(m).argmax() for m in matrices]),
                         self._classify(SHIPPED, video, audio, starts, offsets).argmax(1).numpy()]
                wanted = (offsets + REACH).flatten().numpy()
                right.append(np.stack([abs(f - wanted) <= t for f in found for t in (0, 1)]))
        shares = np.concatenate(right, axis=1).mean(1) if right else np.full(4, np.nan)
        return [float(np.mean(loss)) if loss else math.nan, *shares.tolist()]


# ---- the run

def write_log(path, training, stage, seconds):
    """One line for each pool: step, stage, pool, training loss, validation, seconds so far."""
    fresh = not os.path.exists(path)
    with open(path, "a", encoding="utf-8") as out:
        if fresh:
            out.write("step\tstage\tpool\tloss\tval_loss\tdiag\tdiag_1\tcls\tcls_1\tseconds\n")
        for number, pool in enumerate(training.checked):
            loss = np.mean(training.losses) if training.losses else math.nan
            fields = [f"{v:.4f}" for v in [loss, *training.check(pool)]]
            line = "\t".join([str(training.step), stage, str(number), *fields, f"{seconds:.0f}"])
            out.write(line + "\n")
            print(line, file=sys.stderr)
    training.losses = []


def export(out, stage, training):
    """The weights of a stage, for convert.py."""
    model = training.model
    checkpoints.save(os.path.join(out, f"sync_{stage}.pt"), model.exported())
    checkpoints.save(os.path.join(out, f"classifiers_{stage}.pt"),
                     {n: model.cls[n].state_dict() for n in model.cls})


def run(training, out, every, limit=None):
    """Trains to the end, or for `limit` steps, or until someone stops it. Returns True at the
    end."""
    path, log = os.path.join(out, "state.pt"), os.path.join(out, "log.tsv")
    saved = checkpoints.load(path)
    if saved is not None:
        if saved["options"] != training.options:
            raise SystemExit(f"train_sync.py: {path} is of a run with other options: give a new "
                             "folder")
        training.restore(saved)
    total = sum(training.options["steps"])
    stop, began = checkpoints.Stop(), time.monotonic()
    progress = Progress("steps", total, training.step)
    end = min(total, training.step + limit) if limit else total
    with concurrent.futures.ThreadPoolExecutor(1) as ahead:
        coming = ahead.submit(training.draw, training.step)
        while training.step < end and not stop.wanted:
            stage = training.where()[0]
            batch = coming.result()
            coming = ahead.submit(training.draw, training.step + 1)
            training.losses.append(training.advance(batch))
            progress.step(f"{stage}, loss {np.mean(training.losses[-50:]):.3f}")
            turn = training.where()[0] != stage
            if turn or training.step % every == 0:
                write_log(log, training, stage, time.monotonic() - began)
                print(f"{training.step}/{total}, {duration(progress.left())} left",
                      file=sys.stderr)
                checkpoints.save(path, training.state())
            if turn and stage != "match":
                export(out, stage, training)
    checkpoints.save(path, training.state())
    return training.step == total


def parse(argv):
    parser = argparse.ArgumentParser(prog="train_sync.py",
                                     description="Train the lip-sync networks.")
    sub = parser.add_subparsers(dest="what", required=True)
    one = sub.add_parser("prepare", help="videos -> crops and mel power")
    one.add_argument("folders", nargs="+", metavar="FOLDER")
    one.add_argument("--work", required=True, metavar="DIR", help="where they are kept")
    one.add_argument("--jobs", type=int, default=1)
    one.add_argument("--limit", type=int, help="clips of each folder")
    one.add_argument("--program", default=os.path.join(ROOT, "build", "viseme"))
    two = sub.add_parser("train", help="crops and mel power -> networks")
    two.add_argument("--work", required=True, metavar="DIR", help="what prepare made")
    two.add_argument("--out", required=True, metavar="DIR")
    two.add_argument("--pools", nargs="+", metavar="PREFIX[,PREFIX]...", default=[""],
                     help="clips whose names start so form a pool; each gives as many clips to a "
                     "batch as the others (default: all clips are one pool)")
    two.add_argument("--steps", type=int, nargs=3, default=STEPS, metavar="N",
                     help=f"of the three stages (default {' '.join(map(str, STEPS))})")
    two.add_argument("--batch", type=int, default=8, help="clips (default 8)")
    two.add_argument("--seed", type=int, default=1)
    two.add_argument("--threads", type=int, default=2)
    two.add_argument("--every", type=int, default=200, help="steps between checks")
    two.add_argument("--limit", type=int, help="stop after so many steps")
    two.add_argument("--config", type=json.loads, default={}, metavar="JSON",
                     help="widths and frame_size, where they differ from " + json.dumps(CONFIG))
    two.add_argument("--exact", action="store_true", help="float32 instead of bfloat16")
    return parser.parse_args(argv)


def main(argv=None):
    args = parse(argv)
    if args.what == "prepare":
        names = prepare_folders(args.program, args.folders, args.work, args.jobs, args.limit)
        print(f"{len(names)} clips in {args.work}")
        return 0 if names else 1
    torch.set_num_threads(args.threads)
    os.makedirs(args.out, exist_ok=True)
    pools = [load_clips(args.work, pool.split(",")) for pool in args.pools]
    if not all(pools):
        print("train_sync.py: a pool has no clips", file=sys.stderr)
        return 1
    options = {"config": {**CONFIG, **args.config}, "steps": list(args.steps),
               "batch": args.batch, "seed": args.seed, "exact": args.exact,
               "clips": [[clip.name for clip in pool] for pool in pools]}
    if not run(Training(pools, options), args.out, args.every, args.limit):
        print("train_sync.py: stopped; the same command goes on from here", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
