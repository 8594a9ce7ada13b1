#!/usr/bin/env python3
"""Trains a small sentence reader in SyncVSR's layout on faces whose words and times are known.

    train_syncvsr.py prepare --work WORK [--jobs N] FOLDER...
    train_syncvsr.py train --work WORK --out OUT [--pools PREFIX[,PREFIX]... ...]

`prepare` lets the program viseme cut the mouths out of the videos of the folders (alignments in
alignments.tsv or NAME.align: GRID's, or those of synth/corpus.py) and keeps their sound's log-mel.
`train` learns sub-word units of the texts and a codebook of the sound first, then trains in two
stages: `frames`, a unit for each frame from the times of the words, and `joint`, CTC and decoder.
In both the encoder learns to tell the sound's tokens, four in each frame for each of two groups,
by the loss of Ahn et al., "SyncVSR: Data-Efficient Visual Speech Recognition with End-to-End
Crossmodal Audio Token Synchronization" (2024); --audio-weight 0 leaves that away. OUT/syncvsr.pt,
syncvsr.json and units.txt are for convert.py, OUT/log.tsv tells how it went. Ctrl-C saves; the
same command goes on, with the same result as if it had not been stopped.
"""
import argparse
import json
import math
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

import numpy as np  # noqa: E402
import torch  # noqa: E402
from torch.nn import functional as F  # noqa: E402

from train import audio_tokens, checkpoints, clips, staged, units, vsr_model  # noqa: E402
from train.lip_batches import held_out  # noqa: E402
from train.train_lipnet import edits  # noqa: E402
from train.vsr_batches import Batches, Lessons  # noqa: E402
from train.vsr_clips import load_clips, prepare  # noqa: E402

STAGES = ("frames", "joint")
STEPS = [600, 2400]
RATE = 1e-3
WARM_UP = 150          # steps
DECAY = 0.01
CHECKED = 24           # clips of each pool for validation
COLUMN_SAMPLE = 60     # columns of log-mel that each clip gives to the codebook


class Training:
    """See staged.py. options: steps, share, seed, exact, dropout, units, codes, audio_weight,
    config, pools."""

    COLUMNS = ("wer", "next_unit", "audio_token")

    def __init__(self, pools, options):
        self.options = options
        torch.manual_seed(options["seed"])
        shown = [c for pool in pools for c in pool if not held_out(c)]
        inventory = units.learn([c.text for c in shown], options["units"])
        self.lessons = Lessons(inventory, fitted_codebook(shown, options))
        self.config = {**vsr_model.CONFIG, **options["config"], "odim": self.lessons.end + 1,
                       "audio_outputs": 8 * options["codes"]}
        self.model = vsr_model.Trainee(self.config, options["dropout"])
        self.batches = Batches(pools, self.lessons, options["share"],
                               self.config["input_size"], options["seed"])
        self.checked = [[c for c in pool if held_out(c)][:CHECKED] for pool in pools]
        self.optimizer = torch.optim.AdamW(self.model.parameters(), betas=(0.9, 0.98),
                                           weight_decay=DECAY)
        self.draw = self.batches.draw
        self.step, self.losses = 0, []

    def stage(self):
        ends = np.cumsum(self.options["steps"])
        left = [name for name, end in zip(STAGES, ends) if self.step < end]
        return left[0] if left else None

    def state(self):
        return {"options": self.options, "step": self.step, "model": self.model.state_dict(),
                "optimizer": self.optimizer.state_dict(), "random": torch.get_rng_state()}

    def restore(self, state):
        self.step = state["step"]
        self.model.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
        torch.set_rng_state(state["random"])

    def cast(self):
        return torch.cpu.amp.autocast(enabled=not self.options["exact"], dtype=torch.bfloat16)

    def loss(self, batch):
        greys, frames, tokens, texts = batch
        weight, net = self.options["audio_weight"], self.model.net
        with self.cast():
            encoded = self.model.encode(greys)
            logits = net.ctc.ctc_lo(encoded).float()
            loss = 0.0
            if weight:
                loss = weight * vsr_model.audio_loss(net.audio_classifier(encoded), tokens,
                                                     self.options["codes"])
            if self.stage() == "frames":
                return loss + F.cross_entropy(logits.flatten(0, 1), frames.flatten())
            seen, said = vsr_model.decoder_batch(texts, self.lessons.end)
            log_p = net.decoder(seen, encoded).float()
        part = vsr_model.CTC_WEIGHT
        return (loss + part * vsr_model.ctc_loss(logits, texts)
                + (1 - part) * vsr_model.decoder_loss(log_p, said))

    def rate(self):
        """Up over WARM_UP steps, then down along half a cosine."""
        warm = min(1.0, (self.step + 1) / WARM_UP)
        part = self.step / sum(self.options["steps"])
        return RATE * warm * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * part)))

    def advance(self, batch):
        self.model.train()
        for group in self.optimizer.param_groups:
            group["lr"] = self.rate()
        self.optimizer.zero_grad(set_to_none=True)
        loss = self.loss(batch)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 5.0)
        self.optimizer.step()
        self.step += 1
        return float(loss)

    def check(self, _, pool):
        """On clips kept aside: word error rate of CTC's greedy reading; how often the decoder
        tells the next unit of the true text, and the encoder an audio token."""
        self.model.eval()
        net = self.model.net
        wrong = words = nexts = told = count = heard = 0
        with torch.no_grad():
            for at in range(0, len(pool), 8):
                greys, _, tokens, texts = self.batches.plain(pool[at:at + 8])
                seen, said = vsr_model.decoder_batch(texts, self.lessons.end)
                with self.cast():
                    encoded = self.model.encode(greys)
                    best = net.ctc.ctc_lo(encoded).argmax(-1).tolist()
                    guess = net.decoder(seen, encoded).argmax(-1)
                    audio = net.audio_classifier(encoded)
                for clip, classes in zip(pool[at:at + 8], best):
                    said_words = clip.text.split()
                    wrong += edits(self.lessons.words(collapsed(classes)), said_words)
                    words += len(said_words)
                nexts += int((guess == said).sum())
                count += int((said >= 0).sum())
                audio = audio.unflatten(2, (8, self.options["codes"])).argmax(-1)
                heard += int((audio == tokens).sum())
                told += tokens.numel()
        return [wrong / max(1, words), nexts / max(1, count), heard / max(1, told)]

    def export(self, out, _):
        """The network without the head of the audio tokens, which reading does not need."""
        kept = {name: tensor.contiguous() for name, tensor in self.model.net.state_dict().items()
                if not name.startswith("audio_classifier.")}
        checkpoints.save(os.path.join(out, "syncvsr.pt"), kept)
        write_text(os.path.join(out, "units.txt"), units.vocab_text(self.lessons.inventory))
        write_text(os.path.join(out, "syncvsr.json"), json.dumps(
            {"dheads": self.config["dheads"], "input_size": self.config["input_size"]}) + "\n")


def write_text(path, text):
    with open(path, "w", encoding="utf-8") as out:
        out.write(text)


def collapsed(classes):
    """What CTC reads in the best classes of frames."""
    return [c for i, c in enumerate(classes)
            if c != vsr_model.BLANK and (i == 0 or c != classes[i - 1])]


def fitted_codebook(shown, options):
    """A codebook of the sound of clips, the same for the same clips and seed."""
    rng = np.random.default_rng(options["seed"])
    columns = []
    for clip in shown:
        mel = clip.log_mel()
        columns.append(mel[:, rng.integers(0, mel.shape[1], COLUMN_SAMPLE)].T)
    return audio_tokens.fit(np.concatenate(columns), options["codes"], options["seed"])


def parse(argv):
    parser = argparse.ArgumentParser(prog="train_syncvsr.py",
                                     description="Train a small sentence reader.")
    sub = parser.add_subparsers(dest="what", required=True)
    staged.add_prepare(sub, "videos -> mouth pictures, log-mel and words")
    two = staged.add_train(sub, "mouth pictures, log-mel and words -> network", STEPS,
                           vsr_model.CONFIG)
    two.add_argument("--share", type=int, default=4, metavar="N",
                     help="clips of each pool in a batch, on the average (default 4)")
    two.add_argument("--dropout", type=float, default=0.1)
    two.add_argument("--units", type=int, default=192, help="sub-word units (default 192)")
    two.add_argument("--codes", type=int, default=320,
                     help="audio tokens of each group (default 320)")
    two.add_argument("--audio-weight", type=float, default=10.0, metavar="LAMBDA",
                     help="of the audio tokens' loss; 0: without (default 10)")
    return parser.parse_args(argv)


def main(argv=None):
    args = parse(argv)
    if args.what == "prepare":
        names = clips.prepare_folders(prepare, args.program, args.folders, args.work, args.jobs,
                                      args.limit)
        print(f"{len(names)} clips in {args.work}")
        return 0 if names else 1
    torch.set_num_threads(args.threads)
    os.makedirs(args.out, exist_ok=True)
    pools = [load_clips(args.work, value.split(",")) for value in args.pools]
    for value, pool in zip(args.pools, pools):
        if not any(not held_out(clip) for clip in pool):
            raise SystemExit(f"train_syncvsr.py: --pools {value}: no clips to train on")
    options = {"steps": list(args.steps), "share": args.share, "seed": args.seed,
               "exact": args.exact, "dropout": args.dropout, "units": args.units,
               "codes": args.codes, "audio_weight": args.audio_weight, "config": args.config,
               "pools": [[clip.name for clip in pool] for pool in pools]}
    return staged.run("train_syncvsr.py", Training(pools, options), args.out, args.every,
                      args.limit)


if __name__ == "__main__":
    sys.exit(main())
