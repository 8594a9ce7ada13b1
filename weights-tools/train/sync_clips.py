"""Videos -> what the lip-sync networks are trained on, kept in a folder.

For each clip NAME.npy (uint8 [T STORED STORED 3] BGR, pictures around the face, larger than a crop
by MARGIN so that crops can move), NAME.mel.npy (float32 [40 4T+2], mel power) and NAME.json, which
says where the crop lies in these pictures. A folder that was interrupted goes on where it was.
"""
import json
import os

import numpy as np

from reference.logmel import mel_power
from train.clips import person, prepared
from train.face_crops import CropError, cut, decode, find_boxes, part_of, squares

RATE = 25
SAMPLES = 640      # a frame
STORED = 160
MARGIN = 1.25      # crops of 160 / 1.25 = 128 pixels
CROP = (STORED / 2, STORED / 2, STORED / MARGIN)  # centre x, centre y, side
LOUD = 12.0        # dB under the loudest 10 % of a clip's frames


def spoken(words, power):
    """Frames [first, last) in which is spoken: from the words if they are known, else where the
    sound is loud."""
    if words:
        return int(words[0][0] * RATE), int(np.ceil(words[-1][1] * RATE))
    total = 10 * np.log10(power[:, 1:-1].sum(0).reshape(-1, 4).sum(1) + 1e-6)
    loud = np.flatnonzero(total > np.quantile(total, 0.9) - LOUD)
    return int(loud[0]), int(loud[-1]) + 1


def prepare(job):
    """Writes one clip unless it is there. job: (program, path, words or None, base without the
    ending). Returns None or why the clip is left out."""
    program, path, words, base = job
    if os.path.exists(base + ".json"):
        return None
    try:
        times, boxes = find_boxes(program, path)
        frames, samples = decode(path)
        if abs(len(frames) - len(times)) > 1:
            return f"{path}: not 25 frames a second"
        pictures = np.stack([cut(frame, square, STORED, MARGIN)
                             for frame, square in zip(frames, squares(boxes))])
        count = len(pictures)
        power = mel_power(part_of(samples, times[0], SAMPLES * count + 240))
        first, last = spoken(words and [(a - times[0], b - times[0], w) for a, b, w in words],
                             power)
        np.save(base + ".npy", pictures)
        np.save(base + ".mel.npy", power.astype(np.float32))
        with open(base + ".part", "w", encoding="utf-8") as out:
            json.dump({"frames": count, "speech": [max(0, first), min(count, last)],
                       "speech_from": "words" if words else "sound", "person": person(path),
                       "crop": CROP}, out)
        os.replace(base + ".part", base + ".json")  # last: the clip is whole
        return None
    except (CropError, OSError, ValueError) as error:
        return str(error)


class Clip:
    """One prepared clip; pictures stay on the disk until they are used."""

    def __init__(self, work, name):
        base = os.path.join(work, name)
        with open(base + ".json", encoding="utf-8") as file:
            facts = json.load(file)
        self.name, self.frames = name, facts["frames"]
        self.first, self.last = facts["speech"]
        self.speech_from, self.person = facts["speech_from"], facts["person"]
        self.crop = facts["crop"]  # centre x, centre y, side of the crop in a stored picture
        self.power = np.load(base + ".mel.npy")
        self.pictures_path = base + ".npy"

    def pictures(self, start, count):
        """uint8 [count STORED STORED 3]."""
        return np.array(np.load(self.pictures_path, mmap_mode="r")[start:start + count])


def load_clips(work, prefixes=("",)):
    """The clips of a work folder whose names start with one of `prefixes`, in order."""
    return [Clip(work, name) for name in prepared(work, prefixes)]
