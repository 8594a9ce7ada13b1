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
import contextlib
import math
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

import numpy as np  # noqa: E402
import torch  # noqa: E402
from torch.nn import functional as F  # noqa: E402

from reference.sync_methods import diagonal_means  # noqa: E402
from train import checkpoints, staged  # noqa: E402
from train.clips import prepare_folders  # noqa: E402
from train.sync_batches import Batches, held_out, usable  # noqa: E402
from train.sync_clips import load_clips, prepare  # noqa: E402
from train.sync_model import (CONFIG, REACH, SHIPPED, SIZES, Trainee, cut_matrices,  # noqa: E402
                              matching_loss)

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

    COLUMNS = ("val_loss", "diag", "diag_1", "cls", "cls_1")

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
        stage = self.stage()
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
        if self.stage() != stage:
            self._begin_stage()
        return float(loss)

    # ---- validation

    def check(self, _stage, pool):
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

    def stage(self):
        return self.where()[0]

    def export(self, out, stage):
        """The weights of a stage, for convert.py."""
        if stage == "match":
            return
        checkpoints.save(os.path.join(out, f"sync_{stage}.pt"), self.model.exported())
        checkpoints.save(os.path.join(out, f"classifiers_{stage}.pt"),
                         {n: self.model.cls[n].state_dict() for n in self.model.cls})


def parse(argv):
    parser = argparse.ArgumentParser(prog="train_sync.py",
                                     description="Train the lip-sync networks.")
    sub = parser.add_subparsers(dest="what", required=True)
    staged.add_prepare(sub, "videos -> crops and mel power")
    two = staged.add_train(sub, "crops and mel power -> networks", STEPS, CONFIG)
    two.add_argument("--batch", type=int, default=8, help="clips (default 8)")
    return parser.parse_args(argv)


def main(argv=None):
    args = parse(argv)
    if args.what == "prepare":
        names = prepare_folders(prepare, args.program, args.folders, args.work, args.jobs,
                                args.limit)
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
    return staged.run("train_sync.py", Training(pools, options), args.out, args.every, args.limit)


if __name__ == "__main__":
    sys.exit(main())
