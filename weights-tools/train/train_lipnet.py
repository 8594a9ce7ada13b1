#!/usr/bin/env python3
"""Trains LipNet on talking faces whose words and times are known.

    train_lipnet.py prepare --work DIR [--jobs N] FOLDER...
    train_lipnet.py train --work DIR --out DIR --pool PREFIX[=CLIPS] ... [--start WEIGHTS.pt]

`prepare` lets the program viseme cut the mouths out of the videos of the folders (alignments in
alignments.tsv or NAME.align: GRID's, or those of synth/corpus.py). `train` first teaches a class
for each frame, from the times of the words, which spares CTC its long time of blanks; then CTC, the
loss of Assael et al., "LipNet: End-to-End Sentence-level Lipreading" (2016). An epoch shows each
pool's clips once, or as many as --pool says, drawn anew. Silence around the words belongs to the
clips: a network that never saw it reads letters into it. OUT/lipnet.pt is the state_dict for
convert.py, OUT/log.tsv tells how it went. Ctrl-C saves; the same command goes on, with the same
result as if it had not been stopped.
"""
import argparse
import concurrent.futures
import math
import os
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

import numpy as np  # noqa: E402
import torch  # noqa: E402
from torch.nn import functional as F  # noqa: E402

from reference.lipnet import LipNet  # noqa: E402
from train import checkpoints  # noqa: E402
from train.lip_batches import BLANK, FIRST_LETTER, SPACE, Batches, held_out  # noqa: E402
from train.lip_clips import load_clips, prepare_folders  # noqa: E402
from train.progress import Progress, duration  # noqa: E402

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
RATE = 4e-4
WARM_UP = 100      # steps
DROP_MAPS = 0.25   # of the convolutions' maps, as a part of the dropout of the GRUs' states
CHECKED = 24       # clips of each pool for validation


class Trainee(LipNet):
    """LipNet with dropout. Its state_dict is LipNet's."""

    def __init__(self, dropout):
        super().__init__()
        self.dropout = dropout

    def forward(self, x, taps=None):
        """x [B 3 T H W], BGR / 255 -> logits [B T classes]."""
        for conv in (self.conv1, self.conv2, self.conv3):
            x = F.max_pool3d(F.relu(conv(x)), (1, 2, 2))
            x = F.dropout3d(x, DROP_MAPS * self.dropout, self.training)
        x = x.permute(2, 0, 1, 3, 4).flatten(2)  # [T B C*H*W]
        for gru in (self.gru1, self.gru2):
            x = F.dropout(gru(x)[0], self.dropout, self.training)
        return self.FC(x).transpose(0, 1)


def learning_rate(step, steps):
    """Up over WARM_UP steps, then down along half a cosine."""
    warm = min(1.0, (step + 1) / WARM_UP)
    return RATE * warm * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * step / steps)))


def greedy(classes):
    """Best classes [T] -> the text that CTC reads."""
    kept = [c for i, c in enumerate(classes) if c != BLANK and (i == 0 or c != classes[i - 1])]
    return "".join(" " if c == SPACE else chr(ord("A") + c - FIRST_LETTER) for c in kept)


def edits(ours, wanted):
    """Insertions, deletions and substitutions between two lists."""
    row = list(range(len(wanted) + 1))
    for i, a in enumerate(ours, 1):
        before, row[0] = row[0], i
        for j, b in enumerate(wanted, 1):
            before, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, before + (a != b))
    return row[-1]


class Training:
    """pools: [(name, clips, clips an epoch)]; options: epochs (frames, ctc), batch,
    dropout, seed, exact."""

    def __init__(self, pools, options, start=None):
        self.options = options
        torch.manual_seed(options["seed"])
        self.model = Trainee(options["dropout"])
        if start is not None:
            self.model.load_state_dict(start)
        self.model = self.model.to(memory_format=torch.channels_last_3d)
        shown = [[c for c in clips if not held_out(c)] for _, clips, _ in pools]
        self.batches = Batches([(clips, min(count or len(clips), len(clips)))
                                for clips, (_, _, count) in zip(shown, pools)],
                               options["batch"], options["seed"])
        self.checked = [(name, [c for c in clips if held_out(c)][:CHECKED])
                        for name, clips, _ in pools]
        self.frame_steps, ctc_steps = (n * self.batches.epoch_steps for n in options["epochs"])
        self.steps = self.frame_steps + ctc_steps
        self.optimizer = torch.optim.Adam(self.model.parameters())
        self.step, self.losses = 0, []

    def state(self):
        return {"options": self.options, "step": self.step, "model": self.model.state_dict(),
                "optimizer": self.optimizer.state_dict(), "random": torch.get_rng_state()}

    def restore(self, state):
        self.step = state["step"]
        self.model.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
        torch.set_rng_state(state["random"])

    def logits(self, pictures):
        """[B 3 T H W] -> float32 [B T classes]."""
        pictures = pictures.contiguous(memory_format=torch.channels_last_3d)
        with torch.cpu.amp.autocast(enabled=not self.options["exact"], dtype=torch.bfloat16):
            return self.model(pictures).float()

    def loss(self, batch):
        pictures, frames, texts = batch
        logits = self.logits(pictures)
        if self.step < self.frame_steps:
            return F.cross_entropy(logits.flatten(0, 1), frames.flatten())
        lengths = [logits.shape[1]] * len(texts)
        return F.ctc_loss(F.log_softmax(logits, -1).transpose(0, 1),
                          torch.tensor([c for text in texts for c in text]), lengths,
                          [len(text) for text in texts], blank=BLANK, zero_infinity=True)

    def advance(self, batch):
        """One step with what batches.draw(self.step) gave. Returns the loss."""
        self.model.train()
        for group in self.optimizer.param_groups:
            group["lr"] = learning_rate(self.step, self.steps)
        self.optimizer.zero_grad(set_to_none=True)
        loss = self.loss(batch)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 4.0)
        self.optimizer.step()
        self.step += 1
        return float(loss)

    def check(self, clips):
        """Word error rate of greedy decoding on clips kept aside."""
        self.model.eval()
        wrong = words = 0
        with torch.no_grad():
            for at in range(0, len(clips), 4):
                part = clips[at:at + 4]
                best = self.logits(self.batches.plain(part)[0]).argmax(-1).tolist()
                for clip, classes in zip(part, best):
                    wrong += edits(greedy(classes).split(), clip.text.split())
                    words += len(clip.text.split())
        return wrong / words if words else math.nan


# ---- the run

def write_log(path, training, seconds):
    """One line: step, mean loss since the last, validation WER of each pool, seconds so far."""
    names = [name for name, _ in training.checked]
    fresh = not os.path.exists(path)
    with open(path, "a", encoding="utf-8") as out:
        if fresh:
            out.write("\t".join(["step", "loss", *names, "seconds"]) + "\n")
        values = [np.mean(training.losses)] + [training.check(c) for _, c in training.checked]
        line = "\t".join([str(training.step), *(f"{v:.4f}" for v in values), f"{seconds:.0f}"])
        out.write(line + "\n")
        print(line, file=sys.stderr)
    training.losses = []


def run(training, out, limit=None):
    """Trains to the end, or for `limit` steps, or until someone stops it. Returns True at the
    end."""
    path, log = os.path.join(out, "state.pt"), os.path.join(out, "log.tsv")
    saved = checkpoints.load(path)
    if saved is not None:
        if saved["options"] != training.options:
            raise SystemExit(f"train_lipnet.py: {path} is of a run with other options: give a new "
                             "folder")
        training.restore(saved)
    stop, began = checkpoints.Stop(), time.monotonic()
    progress = Progress("steps", training.steps, training.step)
    end = min(training.steps, training.step + limit) if limit else training.steps
    with concurrent.futures.ThreadPoolExecutor(1) as ahead:
        coming = ahead.submit(training.batches.draw, training.step)
        while training.step < end and not stop.wanted:
            batch = coming.result()
            coming = ahead.submit(training.batches.draw, training.step + 1)
            training.losses.append(training.advance(batch))
            progress.step(f"loss {np.mean(training.losses[-50:]):.3f}")
            if training.step % training.batches.epoch_steps == 0:
                write_log(log, training, time.monotonic() - began)
                print(f"{training.step}/{training.steps}, {duration(progress.left())} left",
                      file=sys.stderr)
                checkpoints.save(path, training.state())
    checkpoints.save(path, training.state())
    if training.step == training.steps:
        checkpoints.save(os.path.join(out, "lipnet.pt"),
                         {k: v.contiguous() for k, v in training.model.state_dict().items()})
    return training.step == training.steps


def parse(argv):
    parser = argparse.ArgumentParser(prog="train_lipnet.py", description="Train LipNet.")
    sub = parser.add_subparsers(dest="what", required=True)
    one = sub.add_parser("prepare", help="videos -> mouth pictures and words")
    one.add_argument("folders", nargs="+", metavar="FOLDER")
    one.add_argument("--work", required=True, metavar="DIR", help="where they are kept")
    one.add_argument("--jobs", type=int, default=1)
    one.add_argument("--limit", type=int, help="clips of each folder")
    one.add_argument("--program", default=os.path.join(ROOT, "build", "viseme"))
    one.add_argument("--face-model", choices=("haar", "facemesh"), default="haar",
                     help="how `viseme face` finds the mouths (default haar)")
    two = sub.add_parser("train", help="mouth pictures and words -> network")
    two.add_argument("--work", required=True, metavar="DIR", help="what prepare made")
    two.add_argument("--out", required=True, metavar="DIR")
    two.add_argument("--pool", action="append", metavar="PREFIX[=CLIPS]",
                     help="clips whose names start so, and how many of them an epoch shows; may be "
                     "given more than once (default: all clips)")
    two.add_argument("--start", metavar="FILE",
                     help="a LipNet's state_dict to begin with, or the state.pt of another run")
    two.add_argument("--epochs", type=int, nargs=2, default=(2, 10), metavar="N",
                     help="with a class for each frame, and with CTC (default 2 10)")
    two.add_argument("--batch", type=int, default=4, help="clips (default 4)")
    two.add_argument("--dropout", type=float, default=0.4, help="of states (default 0.4)")
    two.add_argument("--seed", type=int, default=1)
    two.add_argument("--threads", type=int, default=2)
    two.add_argument("--limit", type=int, help="stop after so many steps")
    two.add_argument("--exact", action="store_true", help="float32 instead of bfloat16")
    return parser.parse_args(argv)


def read_pools(work, wanted):
    """--pool's values -> [(name, clips, clips an epoch or 0 for all)]."""
    pools = []
    for value in wanted:
        prefix, _, count = value.partition("=")
        clips = load_clips(work, prefix)
        if not clips or (count and not count.isdigit()):
            raise SystemExit(f"train_lipnet.py: --pool {value}: "
                             + ("no such clips" if not clips else f"{count} is not a number"))
        pools.append((prefix or "all", clips, int(count or 0)))
    return pools


def main(argv=None):
    args = parse(argv)
    if args.what == "prepare":
        names = prepare_folders(args.program, ["--face-model", args.face_model], args.folders,
                                args.work, args.jobs, args.limit)
        print(f"{len(names)} clips in {args.work}")
        return 0 if names else 1
    torch.set_num_threads(args.threads)
    os.makedirs(args.out, exist_ok=True)
    pools = read_pools(args.work, args.pool or [""])
    options = {"epochs": list(args.epochs), "batch": args.batch, "dropout": args.dropout,
               "seed": args.seed, "exact": args.exact, "start": args.start,
               "pools": [[name, [clip.name for clip in clips], count]
                         for name, clips, count in pools]}
    start = torch.load(args.start, map_location="cpu") if args.start else None
    if start is not None:
        start = start.get("model", start)
    if not run(Training(pools, options, start), args.out, args.limit):
        print("train_lipnet.py: stopped; the same command goes on from here", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
