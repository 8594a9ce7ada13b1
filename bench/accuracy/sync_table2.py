#!/usr/bin/python3
"""How often the offset of sound is found: the protocol of Table 2 of "End-to-End Lip
Synchronisation" on clips that no training has seen.

    bench/accuracy/sync_table2.py [--weights FILE] [--training DIR] [--program build/viseme]

A window of 11, 13, 15 or 20 frames (7, 9, 11 or 16 lip windows of 5 frames) within the speech is
drawn, its sound moved by -5 to 5 frames, and each method says by how many. Right is the same
number, or one frame beside it; mean and deviation over 10 repetitions of 8 windows a clip. Windows
without speech count apart: there the right answer is that nothing is known. What each method is
sure of is its largest softmax, or by how much its best score exceeds the median; with a threshold
that 95 % of the windows with speech reach, "unknown" is the share of those without that do not.

The networks run in the program (`viseme run`). --training DIR takes what train_sync.py left there
instead, in PyTorch: SyncNet-cls, and classifiers for every length. Without ../shared only rendered
faces are measured.
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
sys.path[:0] = [HERE, os.path.dirname(HERE), os.path.join(ROOT, "weights-tools")]
import record  # noqa: E402
import sync_clips  # noqa: E402
from reference.logmel import mel_power, normalized_log  # noqa: E402
from reference.sync_methods import diagonal_means, sliding_window  # noqa: E402
from train.alignments import read_folder  # noqa: E402
from train.face_crops import CropError, cut, decode, find_boxes, part_of, squares  # noqa: E402
from train.sync_clips import SAMPLES, spoken  # noqa: E402

FRAMES = (11, 13, 15, 20)
WINDOW, REACH = 5, 5
REPETITIONS, WINDOWS = 10, 8
KEPT = 0.95      # of the windows with speech are above the threshold
METHODS = ("baseline", "Diag-avg", "SyncNet-cls", "SyncNet-e2e")


# ---- Networks: each gives embeddings, unit length, and scores of the 11 offsets -----------------

def unit(x):
    return x / np.maximum(np.linalg.norm(x, axis=-1, keepdims=True), 1e-12)


class Program:
    """The weights that are shipped, in viseme."""

    def __init__(self, program, weights):
        self.program, self.weights = program, weights
        self.frame_size, self.matrix = self._config()

    def _config(self):
        with open(self.weights, "rb") as file:
            length = int.from_bytes(file.read(8), "little")
            metadata = json.loads(file.read(length))["__metadata__"]
        config = json.loads(metadata["viseme.config"])
        return config["frame_size"], config["matrix"]

    def _run(self, inputs, outputs):
        with tempfile.TemporaryDirectory() as scratch:
            command = [self.program, "run"]
            for name, values in inputs.items():
                path = os.path.join(scratch, name + ".npy")
                np.save(path, np.ascontiguousarray(values, np.float32))
                command += ["-i", f"{name}={path}"]
            for name in outputs:
                command += ["-o", f"{name}={os.path.join(scratch, name)}.npy"]
            subprocess.run([*command, self.weights], check=True, stdout=subprocess.DEVNULL)
            return [np.load(os.path.join(scratch, name + ".npy")) for name in outputs]

    def embed(self, crops, windows):
        """crops uint8 [T S S 3], windows [K 40 20] -> video and audio [K E]."""
        video, = self._run({"lip": crops.transpose(3, 0, 1, 2)[None]}, ["lip_embedding"])
        audio, = self._run({"aud": windows[:, None]}, ["aud_embedding"])
        return unit(video[0]), unit(audio)

    def classify(self, matrices):
        """[P N N] -> softmax [P 11], None where there is no classifier of this size."""
        if matrices.shape[1] != self.matrix:
            return None
        return self._run({"matrix": matrices[:, None]}, ["probs"])[0]


class Trained:
    """What a stage of train_sync.py left, in PyTorch."""

    def __init__(self, folder, stage):
        import torch
        from reference.synce2e import classifier, from_config
        state = torch.load(os.path.join(folder, "state.pt"))
        config = state["options"]["config"]
        self.torch, self.frame_size = torch, config["frame_size"]
        self.net = from_config(config)
        self.net.load_state_dict(torch.load(os.path.join(folder, f"sync_{stage}.pt")))
        self.cls = {}
        for n, values in torch.load(os.path.join(folder, f"classifiers_{stage}.pt")).items():
            self.cls[int(n)] = classifier(int(n), config["cls_widths"], config["offsets"]).eval()
            self.cls[int(n)].load_state_dict(values)

    def embed(self, crops, windows):
        torch = self.torch
        with torch.no_grad():
            video = self.net.forward_lip(torch.from_numpy(crops).permute(3, 0, 1, 2)[None].float())
            audio = self.net.forward_aud(torch.from_numpy(windows)[:, None])
        return unit(video[0][0].numpy()), unit(audio.numpy())

    def classify(self, matrices):
        if matrices.shape[1] not in self.cls:
            return None
        with self.torch.no_grad():
            x = self.torch.from_numpy(np.ascontiguousarray(matrices, np.float32))[:, None]
            return self.cls[matrices.shape[1]](x).flatten(1).softmax(1).numpy()


# ---- Clips --------------------------------------------------------------------------------------

class Clip:
    """speech: frames [first, last); crops [T size size 3] and sound as `viseme sync` has them."""

    def __init__(self, program, path, words, size):
        times, boxes = find_boxes(program, path)
        frames, samples = decode(path)
        self.crops = np.stack([cut(f, s, size) for f, s in zip(frames, squares(boxes))])
        power = mel_power(part_of(samples, times[0], SAMPLES * len(self.crops) + 240))
        self.speech = spoken(words and [(a - times[0], b - times[0], w) for a, b, w in words],
                             power)
        mel = normalized_log(power).astype(np.float32)
        windows = np.lib.stride_tricks.sliding_window_view(mel, 20, axis=1)[:, ::4]
        self.windows = np.ascontiguousarray(windows.transpose(1, 0, 2))[:len(self.crops) - 4]


def load(program, paths, size):
    """Clips with pictures of this size, those without a face left out."""
    made = []
    for path in paths:
        folder, name = os.path.split(path)
        name = os.path.splitext(name)[0]
        try:
            made.append(Clip(program, path, read_folder(folder, [name]).get(name), size))
        except CropError as error:
            print(f"left out: {error}", file=sys.stderr)
    return made


# ---- The protocol -------------------------------------------------------------------------------

def draw(rng, clip, frames, speech):
    """(first lip window, offset) of a window of `frames` frames in or out of the speech, so that
    its moved sound is inside the clip (and out of the speech, too); None where nothing fits."""
    first, last = clip.speech
    size, count = frames - WINDOW + 1, len(clip.windows)

    def outside(start):
        return start + frames <= first or start >= last

    starts = [v for v in range(count - size + 1)
              if (first <= v and v + frames <= last if speech else outside(v))]
    pairs = [(v, o) for v in starts for o in range(-REACH, REACH + 1)
             if 0 <= v + o <= count - size and (speech or outside(v + o))]
    return pairs[int(rng.integers(len(pairs)))] if pairs else None


def scores(method, nets, pairs, wanted, size):
    """[P 11] of windows: pairs [(video, audio)] of each clip by network; wanted [(clip, v, o)]."""
    net = nets["SyncNet-e2e" if method == "SyncNet-e2e" else "SyncNet-cls"]
    parts = [(pairs[net][c][0][v:v + size], pairs[net][c][1][v + o:v + o + size])
             for c, v, o in wanted]
    if method == "baseline":
        return np.stack([sliding_window(audio, video) for video, audio in parts])
    matrices = np.stack([audio @ video.T for video, audio in parts])
    if method == "Diag-avg":
        return np.stack([diagonal_means(m) for m in matrices])
    return net.classify(matrices)


def sureness(method, found):
    return found.max(1) if method.startswith("SyncNet") else found.max(1) - np.median(found, 1)


def evaluate(clips, nets, methods):
    """Rows {method, frames, exact, exact_sd, near, near_sd, unknown, windows, silent}, percent."""
    pairs = {net: [net.embed(clip.crops, clip.windows) for clip in clips]
             for net in set(nets.values())}
    rows = []
    for frames in FRAMES:
        size, rng = frames - WINDOW + 1, np.random.default_rng(frames)
        wanted, silent = [], []
        for _ in range(REPETITIONS):
            for speech, taken in ((True, wanted), (False, silent)):
                drawn = [(c, draw(rng, clip, frames, speech)) for c, clip in enumerate(clips)
                         for _ in range(WINDOWS)]
                taken.append([(c, *d) for c, d in drawn if d])
        for method in methods:
            found = [scores(method, nets, pairs, w, size) for w in wanted]
            if found[0] is None:
                continue
            errors = [abs(f.argmax(1) - REACH - np.array([o for _, _, o in w]))
                      for f, w in zip(found, wanted)]
            exact = [100 * np.mean(e == 0) for e in errors]
            near = [100 * np.mean(e <= 1) for e in errors]
            row = {"method": method, "frames": frames, "exact": np.mean(exact),
                   "exact_sd": np.std(exact), "near": np.mean(near), "near_sd": np.std(near),
                   "windows": len(wanted[0]), "silent": len(silent[0]), "unknown": None}
            if silent[0]:
                low = np.quantile(sureness(method, np.concatenate(found)), 1 - KEPT)
                quiet = np.concatenate([scores(method, nets, pairs, w, size) for w in silent])
                row["unknown"] = 100 * np.mean(sureness(method, quiet) < low)
            rows.append({k: round(float(v), 2) if isinstance(v, float) else v
                         for k, v in row.items()})
    return rows


def measure(settings):
    """settings: weights, training (or None), program, quick, jobs."""
    if settings.training:
        nets = {f"SyncNet-{stage}": Trained(settings.training, stage) for stage in ("cls", "e2e")}
        methods = METHODS
    else:
        shipped = Program(settings.program, settings.weights)
        nets = {"SyncNet-cls": shipped, "SyncNet-e2e": shipped}
        methods = [m for m in METHODS if m != "SyncNet-cls"]
    sets = []
    for name, paths in sync_clips.data_sets(settings.quick, settings.jobs):
        clips = load(settings.program, paths, nets["SyncNet-e2e"].frame_size)
        if clips:
            sets.append({"name": name, "clips": len(clips),
                         "rows": evaluate(clips, nets, methods)})
    return {"sets": sets, "streams": "of each stage" if settings.training else "shipped"}


def cell(rows, method, frames, key):
    for row in rows:
        if (row["method"], row["frames"]) == (method, frames) and row[key] is not None:
            deviation = row.get(key + "_sd")
            return f"{row[key]:.1f}" + (f" ± {deviation:.1f}" if deviation is not None else "")
    return ""


def markdown(result):
    """Lines: a table for each set of clips."""
    lines = ["## Offsets of sound by the protocol of Table 2", "",
             f"Streams of the baseline and Diag-avg: {result['streams']}. Percent of windows.", ""]
    for found in result["sets"]:
        rows = found["rows"]
        counts = {row["frames"]: (row["windows"], row["silent"]) for row in rows}
        lines += [f"### {found['name']}: {found['clips']} clips", "",
                  "Windows a repetition, with and without speech: " +
                  ", ".join(f"{f} frames {a} and {b}" for f, (a, b) in counts.items()) + ".", ""]
        for title, key in (("exact", "exact"), ("within one frame", "near"),
                           ("no speech: unknown", "unknown")):
            names = [m for m in METHODS if any(row["method"] == m for row in rows)]
            lines += record.table([title, *(f"{f} frames" for f in FRAMES)],
                                  [[m, *(cell(rows, m, f, key) for f in FRAMES)] for m in names])
            lines.append("")
    return lines


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", default=os.path.join(ROOT, "build", "viseme"))
    parser.add_argument("--weights", default=os.path.join(ROOT, "weights", "sync.safetensors"))
    parser.add_argument("--training", metavar="DIR", help="of train_sync.py, instead of --weights")
    parser.add_argument("--quick", action="store_true", help="few clips")
    parser.add_argument("--jobs", type=int, default=1, help="processes that draw the test set")
    result = measure(parser.parse_args())
    print("\n".join(markdown(result)))


if __name__ == "__main__":
    main()
