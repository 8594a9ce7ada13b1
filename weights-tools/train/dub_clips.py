"""Videos -> what Wav2Lip is trained on, kept in a folder.

For each clip NAME.npy (uint8 [T STORED STORED 3] BGR, faces in the boxes that `viseme dub` takes by
default, with MARGIN around them so that crops can move), NAME.mel.npy (float32 [80 K], Wav2Lip's
mel from the first frame on) and NAME.json. A folder that was interrupted goes on where it was.
"""
import json
import os

import numpy as np

from reference import mel
from train.clips import person, prepared
from train.face_crops import SOUND_RATE, CropError, decode, find_boxes, part_of

RATE = 25          # frames a second
SIDE = 96          # of the network's faces
STORED = 112
MARGIN = STORED / SIDE
PADS = (0, 10, 0, 0)                   # above, below, left, right
SPAN = 5                               # boxes of a mean


def dub_boxes(found, height, width):
    """Boxes in WIDER FACE's manner [T 4] of left, top, right, bottom -> int64 [T 4], padded, cut to
    the frame, and each the mean of SPAN from it on, as `viseme dub` has them."""
    high = np.array([width, height, width, height])
    boxes = np.clip(found, 0, high).astype(np.int64)
    boxes = np.clip(boxes + np.array([-PADS[2], -PADS[0], PADS[3], PADS[1]]), 0, high)
    padded = np.concatenate([boxes, np.repeat(boxes[-1:], SPAN - 1, axis=0)])
    return np.stack([padded[i:i + len(boxes)] for i in range(SPAN)]).sum(0) // SPAN


def taps(low, high, side, length):
    """`side` pixels over low .. high of a row of `length`, bilinear, its ends repeated: (index,
    weight of the next one)."""
    at = low + (np.arange(side) + 0.5) * ((high - low) / side) - 0.5
    at = np.clip(at, 0, length - 1.001)
    index = at.astype(np.int64)
    return index, (at - index).astype(np.float32)


def cut(frame, box):
    """frame uint8 [H W 3], box -> uint8 [STORED STORED 3]: the box and its margin."""
    height, width, _ = frame.shape
    x0, y0, x1, y1 = box
    more_x, more_y = (x1 - x0) * (MARGIN - 1) / 2, (y1 - y0) * (MARGIN - 1) / 2
    y, wy = taps(y0 - more_y, y1 + more_y, STORED, height)
    x, wx = taps(x0 - more_x, x1 + more_x, STORED, width)
    wy, wx = wy[:, None, None], wx[None, :, None]
    part = frame[:, x[0]:x[-1] + 2].astype(np.float32)
    rows = part[y] * (1 - wy) + part[y + 1] * wy
    x = x - x[0]
    return np.rint(rows[:, x] * (1 - wx) + rows[:, x + 1] * wx).astype(np.uint8)


def prepare(job):
    """Writes one clip unless it is there. job: (program, path, words or None, base without the
    ending). Returns None or why the clip is left out."""
    program, path, words, base = job
    if os.path.exists(base + ".json"):
        return None
    try:
        times, found = find_boxes(program, path)
        frames, samples = decode(path)
        if abs(len(frames) - len(times)) > 1:
            return f"{path}: not 25 frames a second"
        count = min(len(frames), len(times))
        boxes = dub_boxes(found[:count], *frames[0].shape[:2])
        sound = part_of(samples, times[0], SOUND_RATE * count // RATE) / 32768.0
        first, last = 0, count
        if words:
            first = int((words[0][0] - times[0]) * RATE)
            last = int(np.ceil((words[-1][1] - times[0]) * RATE))
        np.save(base + ".npy", np.stack([cut(f, b) for f, b in zip(frames, boxes)]))
        np.save(base + ".mel.npy", mel.spectrogram(sound))
        with open(base + ".part", "w", encoding="utf-8") as out:
            json.dump({"frames": count, "speech": [max(0, first), min(count, last)],
                       "person": person(path)}, out)
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
        self.name, self.frames, self.person = name, facts["frames"], facts["person"]
        self.first, self.last = facts["speech"]
        self.mel = np.load(base + ".mel.npy")
        self.pictures_path = base + ".npy"

    def pictures(self, frames):
        """uint8 [len(frames) STORED STORED 3]."""
        return np.load(self.pictures_path, mmap_mode="r")[frames]

    def sound(self, frame):
        """float32 [80 16], the columns of mel that go with a frame."""
        first = mel.chunk_start(self.mel.shape[1], frame / RATE)
        return self.mel[:, first:first + mel.CHUNK]


def load_clips(work, prefixes=("",)):
    """The clips of a work folder whose names start with one of `prefixes`, in order."""
    return [Clip(work, name) for name in prepared(work, prefixes)]
