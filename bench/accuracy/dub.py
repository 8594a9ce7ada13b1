#!/usr/bin/python3
"""How well made lips follow a voice: people that no training has seen, against their true frames.

    bench/accuracy/dub.py [--weights FILE] [--judge FILE] [--program build/viseme] [--clips N]
                          [--quick]

Faces. Each clip is cut as `viseme dub` cuts it, and the network makes every frame again: it sees
the frame without its lower half and a frame of the same clip from half its length away, and hears
the clip. Beside it, two still mouths: that other frame, and the first frame. L1 and SSIM are of the
mouth's region, rows 52 to 87 and columns 24 to 71 of 96 x 96; L1 in grey levels of 255.

Opening, of rendered clips: the distance of the inner lips in percent of that of the eyes' outer
corners, from the 68 points that were drawn. In made frames it is read from the mouth's region by
ridge regression on the clip's own true frames; how far that is off on true frames that it was not
fitted on is in the table ("true frames").

Sync: LSE-D, LSE-C and the share of clips whose sound is found within 40 ms of its place, by
`viseme score`: a network that took no part in the training (--judge). True: the clip with its own
sound. Mismatched: with the sound of the next clip. Made: the clip dubbed with that sound. Still:
the clip's first frame, with that sound.

Draws its rendered clips into bench/cache/accuracy/ first (docs/synth.md), takes the GRID clips of
../shared where they are, prints Markdown and writes bench/results/dub-DATE-CPU.md and .json;
--quick: a few clips, nothing written. Without the judge's weights sync is left out.
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
import grid  # noqa: E402
import record  # noqa: E402
import testset  # noqa: E402
from reference import mel  # noqa: E402
from train.dub_clips import RATE, SIDE, STORED, cut, dub_boxes  # noqa: E402
from train.face_crops import SOUND_RATE, CropError, decode, find_boxes, part_of  # noqa: E402

CLIPS = 20             # of each kind of rendered sentences and of each kind of GRID's speakers
MOUTH = np.s_[..., 52:88, 24:72, :]
LIPS = ((61, 67), (62, 66), (63, 65))  # inner ones, of 68 points
EYES = (36, 45)
CLOSED = {"p", "b", "m"}
PARTS = 5              # of a clip, for the regression's own error
STIFFNESS = 30.0       # of the regression, in grey levels
NEAR_MS = 41.0
WEIGHTS = os.path.join(ROOT, "weights", "wav2lip.safetensors")
JUDGE = os.path.join(ROOT, "weights", "sync.safetensors")


# ---- Faces --------------------------------------------------------------------------------------

class Clip:
    """faces uint8 [T 96 96 3] BGR as dub cuts them, mel [80 K]."""

    def __init__(self, program, path):
        self.path = path
        times, found = find_boxes(program, path)
        frames, samples = decode(path)
        count = min(len(frames), len(times))
        boxes = dub_boxes(found[:count], *frames[0].shape[:2])
        edge = (STORED - SIDE) // 2
        self.faces = np.stack([cut(f, b) for f, b in zip(frames, boxes)])
        self.faces = self.faces[:, edge:-edge, edge:-edge]
        self.mel = mel.spectrogram(part_of(samples, times[0], SOUND_RATE * count // RATE) / 32768)
        self.others = self.faces[(np.arange(count) + count // 2) % count]

    def inputs(self):
        """What the network gets: mel [T 1 80 16], face [T 6 96 96]."""
        starts = [mel.chunk_start(self.mel.shape[1], t / RATE) for t in range(len(self.faces))]
        chunks = np.stack([self.mel[:, s:s + mel.CHUNK] for s in starts])[:, None]
        hidden = self.faces.copy()
        hidden[:, SIDE // 2:] = 0
        seen = np.concatenate([hidden, self.others], axis=3).transpose(0, 3, 1, 2)
        return chunks.astype(np.float32), seen.astype(np.float32) / 255


def generate(settings, clip):
    """uint8 [T 96 96 3], as the program makes and rounds them."""
    with tempfile.TemporaryDirectory() as scratch:
        names = [os.path.join(scratch, name + ".npy") for name in ("mel", "face", "frames")]
        for name, values in zip(names, clip.inputs()):
            np.save(name, np.ascontiguousarray(values))
        subprocess.run([settings.program, "run", "-i", f"mel={names[0]}", "-i", f"face={names[1]}",
                        "-o", f"frames={names[2]}", settings.weights], check=True,
                       stdout=subprocess.DEVNULL)
        frames = np.load(names[2])
    return (frames * 255).clip(0, 255).astype(np.uint8).transpose(0, 2, 3, 1)


def luma(faces):
    return faces.astype(np.float64) @ (0.114, 0.587, 0.299)


def blurred(x):
    """The means under a Gaussian of 1.5 pixels, 11 wide, where it fits."""
    taps = np.exp(-np.arange(-5, 6) ** 2 / (2 * 1.5 ** 2))
    taps /= taps.sum()
    for axis in (-2, -1):
        x = np.lib.stride_tricks.sliding_window_view(x, 11, axis=axis) @ taps
    return x


def ssim(a, b):
    """[T H W] each, grey levels -> mean structural similarity (Wang et al., 2004)."""
    one, two = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    ma, mb = blurred(a), blurred(b)
    va, vb = blurred(a * a) - ma * ma, blurred(b * b) - mb * mb
    both = blurred(a * b) - ma * mb
    return float(np.mean((2 * ma * mb + one) * (2 * both + two) /
                         ((ma * ma + mb * mb + one) * (va + vb + two))))


# ---- Opening ------------------------------------------------------------------------------------

def true_opening(points):
    """[T 68 2] -> percent of the distance of the eyes [T]."""
    eyes = np.linalg.norm(points[:, EYES[0]] - points[:, EYES[1]], axis=-1)
    lips = [np.linalg.norm(points[:, a] - points[:, b], axis=-1) for a, b in LIPS]
    return 100 * np.mean(lips, axis=0) / eyes


def features(faces):
    """Mouths in grey, 12 x 16."""
    mouths = luma(faces[MOUTH])
    return mouths.reshape(len(mouths), 12, 3, 16, 3).mean((2, 4)).reshape(len(mouths), -1)


class Regression:
    """Opening from a mouth's picture, fitted on one person."""

    def __init__(self, x, y):
        self.mean, self.level = x.mean(0), y.mean()
        x = x - self.mean
        kernel = x @ x.T + STIFFNESS ** 2 * np.eye(len(x))
        self.weights = x.T @ np.linalg.solve(kernel, y - self.level)

    def __call__(self, x):
        return np.maximum(0, (x - self.mean) @ self.weights + self.level)


def own_error(x, y):
    """Readings of frames by regressions on the other parts of the clip."""
    read = np.empty(len(y))
    for part in np.array_split(np.arange(len(y)), PARTS):
        rest = np.setdiff1d(np.arange(len(y)), part)
        read[part] = Regression(x[rest], y[rest])(x[part])
    return read


def frames_of(phonemes, count):
    """Frames in the middle of those consonants for which lips close."""
    middles = [int((a + b) / 2 * RATE) for name, a, b in phonemes if name in CLOSED]
    return [t for t in middles if t < count]


def openings(clip, made):
    """{kind: (readings [T], true [T])}, and the frames at closures."""
    base = os.path.splitext(clip.path)[0]
    count = len(clip.faces)
    true = true_opening(np.load(base + ".npy")[:count])
    with open(base + ".json", encoding="utf-8") as file:
        closed = frames_of(json.load(file)["phonemes"], count)
    x = features(clip.faces)
    read = Regression(x, true)
    return {"true frames": (own_error(x, true), true),
            **{kind: (read(features(faces)), true) for kind, faces in made.items()}}, closed


# ---- Rows ---------------------------------------------------------------------------------------

def opening_row(found):
    """found: [((read, true), frames at closures)] of clips -> error, correlation, and the means at
    closures and at the widest tenth of the frames."""
    read, true = (np.concatenate([pair[i] for pair, _ in found]) for i in (0, 1))
    at_closures = [pair[0][frames] for pair, frames in found if frames]
    true_closures = [pair[1][frames] for pair, frames in found if frames]
    widest = [np.argsort(pair[1])[-max(1, len(pair[1]) // 10):] for pair, _ in found]
    return {"error": float(np.abs(read - true).mean()),
            "correlation": float(np.mean([np.corrcoef(*pair)[0, 1] if np.ptp(pair[0]) > 1e-6 else 0
                                          for pair, _ in found])),
            "closed": float(np.concatenate(at_closures).mean()),
            "closed_true": float(np.concatenate(true_closures).mean()),
            "open": float(np.mean([pair[0][w].mean() for (pair, _), w in zip(found, widest)])),
            "open_true": float(np.mean([pair[1][w].mean()
                                        for (pair, _), w in zip(found, widest)]))}


def measure_faces(settings, name, clips, rendered):
    rows, opened = {}, {}
    for clip in clips:
        made = {"made": generate(settings, clip), "another frame's mouth": clip.others,
                "first frame's mouth": np.repeat(clip.faces[:1], len(clip.faces), axis=0)}
        for kind, faces in made.items():
            row = rows.setdefault(kind, {"l1": [], "ssim": []})
            row["l1"].append(np.abs(faces[MOUTH].astype(int) - clip.faces[MOUTH]).mean())
            row["ssim"].append(ssim(luma(faces[MOUTH]), luma(clip.faces[MOUTH])))
        if rendered:
            readings, closed = openings(clip, made)
            for kind, pair in readings.items():
                opened.setdefault(kind, []).append((pair, closed))
    table = {kind: {key: float(np.mean(values)) for key, values in row.items()}
             for kind, row in rows.items()}
    for kind, found in opened.items():
        table.setdefault(kind, {})["opening"] = opening_row(found)
    return {"name": name, "clips": len(clips), "rows": table}


def ffmpeg(*args):
    subprocess.run(["ffmpeg", "-nostdin", "-v", "error", "-y", *map(str, args)], check=True)


def score(settings, paths):
    run = subprocess.run([settings.program, "score", "-q", "--json", "-m", settings.judge, "--",
                          *paths], stdout=subprocess.PIPE)
    lines = [json.loads(line) for line in run.stdout.decode().splitlines()]
    scored = [line for line in lines if line.get("lse_d") is not None and "offset_ms" in line]
    near = [line["offset_ms"] is not None and abs(line["offset_ms"]) <= NEAR_MS for line in scored]
    return {"clips": len(paths), "scored": len(scored),
            "lse_d": float(np.mean([line["lse_d"] for line in scored])) if scored else None,
            "lse_c": float(np.mean([line["lse_c"] for line in scored])) if scored else None,
            "near": float(np.mean(near)) if near else None}


def measure_sync(settings, name, paths):
    with tempfile.TemporaryDirectory() as scratch:
        files = {"true": list(paths), "mismatched": [], "made": [], "still": []}
        for number, (path, other) in enumerate(zip(paths, [*paths[1:], paths[0]])):
            names = {kind: os.path.join(scratch, f"{kind}-{number}.mkv") for kind in
                     ("mismatched", "made", "still")}
            picture = os.path.join(scratch, "first.png")
            sound = ("-map", "0:v:0", "-map", "1:a:0", "-c:a", "pcm_s16le", "-shortest")
            ffmpeg("-i", path, "-i", other, *sound, "-c:v", "libx264", "-crf", 12,
                   names["mismatched"])
            ffmpeg("-i", path, "-frames:v", 1, picture)
            ffmpeg("-loop", 1, "-framerate", RATE, "-i", picture, "-i", other, *sound, "-c:v",
                   "libx264", "-crf", 12, "-pix_fmt", "yuv420p", names["still"])
            subprocess.run([settings.program, "dub", "-q", path, other, "-m", settings.weights,
                            "-o", names["made"], "--crf", "12"], check=True,
                           stdout=subprocess.DEVNULL)
            for kind, file in names.items():
                files[kind].append(file)
        return {"name": name, "rows": {kind: score(settings, found)
                                       for kind, found in files.items()}}


def data_sets(settings):
    """[(name, paths, whether they are rendered)]"""
    few = testset.QUICK if settings.quick else settings.clips
    drawn = [clip["path"] for kind in testset.SENTENCES
             for clip in testset.clips(kind, "clean", jobs=settings.jobs)[:few]]
    known, others = grid.clips()
    sets = [("rendered people", drawn, True), ("speaker 1 of GRID", known[:few], False),
            ("other speakers of GRID", others[:few], False)]
    return [found for found in sets if found[1]]


def measure(settings):
    """settings: weights, judge, program, clips, quick, jobs."""
    faces, sync = [], []
    for name, paths, rendered in data_sets(settings):
        clips = []
        for path in paths:
            try:
                clips.append(Clip(settings.program, path))
            except CropError as error:
                print(f"left out: {error}", file=sys.stderr)
        faces.append(measure_faces(settings, name, clips, rendered))
        if os.path.exists(settings.judge):
            sync.append(measure_sync(settings, name, [clip.path for clip in clips]))
    return {"faces": faces, "sync": sync}


def shown(value, digits):
    return "-" if value is None else f"{value:.{digits}f}"


def markdown(found):
    """Lines of the results page."""
    lines = ["## Made faces beside true ones", ""]
    cells = []
    for part in found["faces"]:
        for kind, row in part["rows"].items():
            o = row.get("opening", {})
            cells.append([f"{part['name']}, {part['clips']} clips", kind,
                          shown(row.get("l1"), 2), shown(row.get("ssim"), 3),
                          shown(o.get("error"), 2), shown(o.get("correlation"), 2),
                          f"{o['closed']:.1f} ({o['closed_true']:.1f})" if o else "-",
                          f"{o['open']:.1f} ({o['open_true']:.1f})" if o else "-"])
    lines += record.table(["people", "mouth", "L1", "SSIM", "opening error", "correlation",
                           "at p, b, m (true)", "widest tenth (true)"], cells)
    lines += ["", "The opening is in percent of the distance of the eyes' outer corners; true "
              "frames: how far reading it from a picture is off by itself.", ""]
    if found["sync"]:
        lines += ["## Sync, by a network that took no part in the training", ""]
        lines += record.table(
            ["people", "lips", "LSE-D", "LSE-C", "within 40 ms", "scored"],
            [[part["name"], kind, shown(row["lse_d"], 2), shown(row["lse_c"], 2),
              "-" if row["near"] is None else f"{100 * row['near']:.0f} %",
              f"{row['scored']} of {row['clips']}"]
             for part in found["sync"] for kind, row in part["rows"].items()])
        lines.append("")
    return lines


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", default=os.path.join(ROOT, "build", "viseme"))
    parser.add_argument("--weights", default=WEIGHTS, help="a Wav2Lip generator")
    parser.add_argument("--judge", default=JUDGE, help="of `viseme score`")
    parser.add_argument("--clips", type=int, default=CLIPS,
                        help=f"of each kind of sentences or speakers (default {CLIPS})")
    parser.add_argument("--quick", action="store_true", help="few clips, nothing written")
    parser.add_argument("--jobs", type=int, default=1, help="processes that draw the test set")
    settings = parser.parse_args()
    result = {"date": record.today(), "commit": record.commit(), "machine": record.machine()}
    try:
        result["dub"] = measure(settings)
    except (OSError, testset.HeldIn, subprocess.CalledProcessError) as error:
        sys.exit(f"bench/accuracy/dub.py: {error}")
    lines = record.heading("Dubbing", result) + markdown(result["dub"])
    text = "\n".join(lines) + "\n"
    print(text, end="")
    if not settings.quick:
        record.write(result, text, "dub-")


if __name__ == "__main__":
    main()
