#!/usr/bin/env python3
"""Trains Wav2Lip: its expert, then the generator.

    train_wav2lip.py prepare --work DIR [--jobs N] [--limit N] FOLDER...
    train_wav2lip.py train --work DIR --out DIR [--pools PREFIX...] [--steps N N N N]

`prepare` cuts the faces out of the videos of the folders (25 frames a second, one face; alignments
in alignments.tsv or NAME.align) as `viseme dub` cuts them, and takes the mel of their sound; the
program viseme finds the faces. `train` has four stages, each with its number of steps:
    match   the expert: each window of faces is to find its sound among those of its clip
    pairs   the expert, by the loss of the paper too: right and wrong pairs of one clip
    frames  the generator: the mean difference from the true frames, most of all at the mouth
    sync    the generator on five frames in a row, and what the expert says of them, as in
            Prajwal et al., "A Lip Sync Expert Is All You Need for Speech to Lip Generation In the
            Wild" (2020)
and writes OUT/expert.pt after the second and OUT/wav2lip.pt after the last, in the layout of the
authors' checkpoints, and their --config for convert.py. OUT/log.tsv tells how it went. Ctrl-C
saves; the same command goes on, with the same result as if it had not been stopped.
"""
import argparse
import contextlib
import json
import math
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

import torch  # noqa: E402
from torch.nn import functional as F  # noqa: E402

from train import checkpoints, staged  # noqa: E402
from train.clips import prepare_folders  # noqa: E402
from train.dub_batches import WINDOW, Batches, usable  # noqa: E402
from train.dub_clips import load_clips, prepare  # noqa: E402
from train.dub_model import (CONFIG, UNSHARED, Expert, Generator, loss_weights,  # noqa: E402
                             lower_halves, matching_loss, mouth_region, pair_loss, sync_loss)
from train.lip_batches import held_out  # noqa: E402

STAGES = ("match", "pairs", "frames", "sync")
OF_EXPERT = STAGES[:2]
STEPS = (1500, 500, 6000, 2000)
RATES = {"expert": 1e-3, "generator": 1.5e-3}
WARM_UP = 100        # steps
DECAY = 0.01
SYNC_WEIGHT = 0.06   # of the expert's opinion; 0.03 in the paper
CHECKED = 16         # clips of each pool for validation


def learning_rate(peak, step, steps):
    """Up over WARM_UP steps, then down along half a cosine."""
    warm = min(1.0, (step + 1) / min(WARM_UP, max(1, steps // 10)))
    return peak * warm * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * step / steps)))


def autocast(exact):
    return contextlib.nullcontext() if exact else torch.cpu.amp.autocast(dtype=torch.bfloat16)


def as_nhwc(x):
    return x.contiguous(memory_format=torch.channels_last)


class Training:
    """options: config, steps (four), batch (clips of the expert's and frames of the generator's),
    seed, exact (float32)."""

    COLUMNS = ("found_or_mouth", "cos_right_or_true", "cos_wrong_or_made")

    def __init__(self, pools, options):
        self.options = options
        torch.manual_seed(options["seed"])
        self.nets = {"expert": Expert(**options["config"]["expert"]),
                     "generator": Generator(**options["config"]["generator"])}
        for net in self.nets.values():
            net.to(memory_format=torch.channels_last)
        self.optimizers = {name: torch.optim.AdamW(net.parameters(), weight_decay=DECAY)
                           for name, net in self.nets.items()}
        self.batches = Batches(pools, options["seed"])
        self.checked = [[c for c in pool if held_out(c) and usable(c)][:CHECKED] for pool in pools]
        self.weights = loss_weights()
        self.step, self.losses = 0, []

    # ---- stages

    def stage(self):
        """The stage at hand; None after the last."""
        for number, stage in enumerate(STAGES):
            if self.step < sum(self.options["steps"][:number + 1]):
                return stage
        return None

    def trained(self):
        """(name of the network that is trained now, step of it, steps of it)."""
        of_expert = sum(self.options["steps"][:len(OF_EXPERT)])
        if self.step < of_expert:
            return "expert", self.step, of_expert
        return "generator", self.step - of_expert, sum(self.options["steps"]) - of_expert

    def listen(self):
        """The generator begins with the expert's ear, if both are as wide: with one of its own it
        copies mouths long before it listens."""
        sizes = ("audio_widths", "audio_residuals")
        expert, generator = (self.options["config"][name] for name in ("expert", "generator"))
        if all(expert[size] == generator[size] for size in sizes):
            ear = self.nets["expert"].audio_encoder.state_dict()
            self.nets["generator"].audio_encoder.load_state_dict(ear)

    def state(self):
        return {"options": self.options, "step": self.step,
                "nets": {k: net.state_dict() for k, net in self.nets.items()},
                "optimizers": {k: o.state_dict() for k, o in self.optimizers.items()}}

    def restore(self, state):
        self.step = state["step"]
        for name, net in self.nets.items():
            net.load_state_dict(state["nets"][name])
            self.optimizers[name].load_state_dict(state["optimizers"][name])

    # ---- networks

    def _cast(self, x):
        return x.float() if self.options["exact"] else x

    def embed(self, faces, sounds):
        """Windows [B K 15 48 96], [B K 1 80 16] -> float unit vectors [B K E] each."""
        with autocast(self.options["exact"]):
            found = self.nets["expert"](sounds.flatten(0, 1),
                                        as_nhwc(self._cast(faces).flatten(0, 1)))
        return (F.normalize(found[key].float()).unflatten(0, faces.shape[:2])
                for key in ("face_embedding", "audio_embedding"))

    def generate(self, seen, sounds):
        """[B T 6 96 96], [B T 1 80 16] -> float [B T 3 96 96]."""
        with autocast(self.options["exact"]):
            made = self.nets["generator"](sounds.flatten(0, 1),
                                          as_nhwc(self._cast(seen).flatten(0, 1)))
        return made.float().unflatten(0, seen.shape[:2])

    def difference(self, made, target):
        return ((made - target.float()).abs() * self.weights).mean()

    def agreement(self, made, sounds):
        """Cosines of windows [B 5 3 96 96] with the mel of their first frame [B 5 1 80 16]."""
        halves = lower_halves(made)[:, None]
        faces, heard = self.embed(halves if self.options["exact"] else halves.bfloat16(),
                                  sounds[:, :1])
        return (faces * heard).sum(-1)

    # ---- one step

    def draw(self, step):
        clips, frames = self.options["batch"]
        if step < sum(self.options["steps"][:2]):
            return self.batches.draw_matched(step, clips)
        if step < sum(self.options["steps"][:3]):
            return self.batches.draw_lessons(step, frames, 1)
        return self.batches.draw_lessons(step, max(1, frames // WINDOW), WINDOW)

    def loss(self, stage, batch):
        if stage in OF_EXPERT:
            pairs = tuple(self.embed(*batch))
            matching = matching_loss(self.nets["expert"], *pairs)
            return matching if stage == "match" else matching / 2 + pair_loss(*pairs)
        seen, sounds, target = batch
        made = self.generate(seen, sounds)
        loss = self.difference(made, target)
        if stage == "frames":
            return loss
        synced = sync_loss(self.agreement(made, sounds), True)
        return (1 - SYNC_WEIGHT) * loss + SYNC_WEIGHT * synced

    def advance(self, batch):
        """One step with what draw(self.step) gave. Returns the loss."""
        stage, (name, step, steps) = self.stage(), self.trained()
        if name == "generator" and step == 0:
            self.listen()
        for key, net in self.nets.items():  # a few windows tell too little to normalise by
            net.train(key == name and stage != "sync")
            net.requires_grad_(key == name)
        optimizer = self.optimizers[name]
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(RATES[name], step, steps)
        optimizer.zero_grad(set_to_none=True)
        loss = self.loss(stage, batch)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.nets[name].parameters(), 1.0)
        optimizer.step()
        self.step += 1
        return float(loss)

    # ---- validation

    def check(self, stage, pool):
        """Clips kept aside. Of the expert: (right ones among the windows of a clip, mean cosine of
        right and of wrong pairs); of the generator: (mean difference at the mouth in grey levels,
        mean cosine of the true and of the generated windows)."""
        for net in self.nets.values():
            net.eval()
        if not pool:
            return [math.nan] * 3
        with torch.no_grad():
            if stage in OF_EXPERT:
                faces, sounds = self.embed(*self.batches.plain_matched(pool))
                cosines = faces @ sounds.transpose(1, 2)
                right = torch.eye(cosines.shape[1], dtype=torch.bool).expand_as(cosines)
                found = cosines.argmax(2) == torch.arange(cosines.shape[1])
                return [float(x) for x in (found.float().mean(), cosines[right].mean(),
                                           cosines[~right].mean())]
            seen, sounds, target = self.batches.plain_lessons(pool)
            made = self.generate(seen, sounds)
            wrong = (mouth_region(made) - mouth_region(target.float())).abs().mean() * 255
            return [float(wrong), float(self.agreement(target, sounds).mean()),
                    float(self.agreement(made, sounds).mean())]

    def export(self, out, _stage):
        """The networks that are complete, and the --config of convert.py for them."""
        for name, net, stage in (("expert", "expert", "pairs"), ("wav2lip", "generator", "sync")):
            if self.step < sum(self.options["steps"][:STAGES.index(stage) + 1]):
                continue
            state = {k: v.contiguous() for k, v in self.nets[net].state_dict().items()
                     if k not in UNSHARED}
            checkpoints.save(os.path.join(out, name + ".pt"), {"state_dict": state})
            with open(os.path.join(out, name + ".json"), "w", encoding="utf-8") as file:
                json.dump(self.options["config"][net], file)


def parse(argv):
    parser = argparse.ArgumentParser(prog="train_wav2lip.py",
                                     description="Train Wav2Lip and its expert.")
    sub = parser.add_subparsers(dest="what", required=True)
    staged.add_prepare(sub, "videos -> crops and mel")
    two = staged.add_train(sub, "crops and mel -> networks", STEPS, CONFIG)
    two.add_argument("--batch", type=int, nargs=2, default=(8, 20), metavar="N",
                     help="clips for the expert, frames for the generator (default 8 20)")
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
    if not all(any(usable(c) and not held_out(c) for c in pool) for pool in pools):
        print("train_wav2lip.py: a pool has no clips that are long enough", file=sys.stderr)
        return 1
    options = {"config": {name: {**CONFIG[name], **args.config.get(name, {})} for name in CONFIG},
               "steps": list(args.steps), "batch": list(args.batch), "seed": args.seed,
               "exact": args.exact, "clips": [[clip.name for clip in pool] for pool in pools]}
    return staged.run("train_wav2lip.py", Training(pools, options), args.out, args.every,
                      args.limit)


if __name__ == "__main__":
    sys.exit(main())
