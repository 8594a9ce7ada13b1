"""Videos -> what LipNet is trained on, kept in a folder.

For each clip NAME.npy (uint8 [T 64 128 3] BGR, the mouth pictures that `viseme face` cuts, so that
training and use see the same) and NAME.json (its words with their times, and who says them). A
folder that was interrupted goes on where it was.
"""
import concurrent.futures
import json
import os
import subprocess
import tempfile

import numpy as np

from train.clips import person, prepare_all, prepared, videos

RATE = 25  # mouth pictures a second


class CropError(Exception):
    """One sentence for the user."""


def mouths(program, options, path):
    """uint8 [T 64 128 3] BGR of a video, and the time of the first in seconds."""
    with tempfile.TemporaryDirectory() as scratch:
        crops = os.path.join(scratch, "crops.npy")
        run = subprocess.run([program, "face", "-q", "--json", *options, "--crops-npy", crops,
                              "--", path], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        if run.returncode:
            raise CropError(run.stderr.decode(errors="replace").strip() or f"{path}: no face")
        planes = np.load(crops)[0]
    lines = [json.loads(line) for line in run.stdout.decode().splitlines()]
    first = next(line["time_s"] for line in lines if line["type"] == "crop")
    return np.rint(planes * 255).astype(np.uint8).transpose(1, 2, 3, 0), first


def prepare(job):
    """Writes one clip unless it is there. job: (program, options, path, words, base without the
    ending). Returns None or why the clip is left out."""
    program, options, path, words, base = job
    if os.path.exists(base + ".json"):
        return None
    if not words:
        return f"{path}: no words are known"
    try:
        pictures, began = mouths(program, options, path)
        np.save(base + ".npy", pictures)
        with open(base + ".part", "w", encoding="utf-8") as out:
            json.dump({"frames": len(pictures), "person": person(path),
                       "words": [[a - began, b - began, word] for a, b, word in words]}, out)
        os.replace(base + ".part", base + ".json")  # last: the clip is whole
        return None
    except (CropError, OSError, ValueError, StopIteration) as error:
        return f"{path}: {error}"


def prepare_folders(program, options, folders, work, jobs=1, limit=None):
    """Prepares the videos of `folders` (at most `limit` of each), with more options for
    `viseme face`. Returns the names of the clips that are there."""
    os.makedirs(work, exist_ok=True)
    todo = [(program, options, path, words, os.path.join(work, name))
            for path, words, name in videos(folders, limit)]
    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:  # the work is the program's
        return prepare_all(pool, prepare, todo)


class Clip:
    """One prepared clip; pictures stay on the disk until they are used."""

    def __init__(self, work, name):
        base = os.path.join(work, name)
        with open(base + ".json", encoding="utf-8") as file:
            facts = json.load(file)
        self.name, self.frames, self.person = name, facts["frames"], facts["person"]
        self.words = [(a, b, word.upper()) for a, b, word in facts["words"]]
        self.text = " ".join(word for _, _, word in self.words)
        self.pictures_path = base + ".npy"

    def pictures(self):
        """uint8 [T 64 128 3]."""
        return np.load(self.pictures_path)


def load_clips(work, prefix):
    """The clips of a work folder whose names start with `prefix`, in order of their names."""
    return [Clip(work, name) for name in prepared(work, [prefix])]
