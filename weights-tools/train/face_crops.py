"""Face crops as SyncNet's pipeline cuts them, from the boxes that `viseme face --json` prints."""
import json
import os
import re
import subprocess
import tempfile

import numpy as np

CROP_SCALE = 0.40
MEDIAN = 13      # frames
SOUND_RATE = 16000
BORDER = 110.0   # grey around the picture
LOST = 0.3       # of the frames may be without a face


class CropError(Exception):
    """One sentence for the user."""


def find_boxes(program, path):
    """The face of each 1/25 s: (times [T], boxes [T 4] of x, y, width, height in pixels)."""
    run = subprocess.run([program, "face", "-q", "--json", "--face-model", "haar", "--", path],
                         stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    if run.returncode:
        raise CropError(run.stderr.decode(errors="replace").strip() or f"{path}: no face")
    lines = [json.loads(line) for line in run.stdout.decode().splitlines()]
    crops = [line for line in lines if line["type"] == "crop"]
    if sum(crop["held"] for crop in crops) > LOST * len(crops):
        raise CropError(f"{path}: the face is seldom seen")
    boxes = [[crop["box"][key] for key in ("x_px", "y_px", "width_px", "height_px")]
             for crop in crops]
    return np.array([crop["time_s"] for crop in crops]), np.array(boxes, np.float64)


def median(values):
    """A running median over MEDIAN values; the ends are repeated."""
    padded = np.pad(values, MEDIAN // 2, mode="edge")
    return np.median(np.lib.stride_tricks.sliding_window_view(padded, MEDIAN), axis=-1)


def squares(boxes):
    """boxes [T 4] -> squares [T 3] of centre x, centre y and half the side: half the box's longer
    side s, smoothed, gives 1.4 s to the left, right and above of a point 0.4 s below its centre."""
    s = median(np.maximum(boxes[:, 2], boxes[:, 3]) / 2)
    x = median(boxes[:, 0] + boxes[:, 2] / 2)
    y = median(boxes[:, 1] + boxes[:, 3] / 2)
    return np.stack([x, y + CROP_SCALE * s, (1 + CROP_SCALE) * s], axis=1)


def axis_taps(centre, half, side, length):
    """Where the `side` pixels of a row lie among `length` pixels: (index, weight of the next one),
    bilinear with pixel centres at one half, as OpenCV has it. Indices count from one pixel before
    the picture, which is border, to one behind it."""
    at = centre - half + (np.arange(side) + 0.5) * (2 * half / side) - 0.5 + 1
    at = np.clip(at, 0, length + 0.999)
    low = at.astype(np.int64)
    return low, (at - low).astype(np.float32)


def cut(frame, square, side):
    """frame uint8 [H W 3], square (x, y, half side) -> uint8 [side side 3]."""
    height, width, _ = frame.shape
    y, wy = axis_taps(square[1], square[2], side, height)
    x, wx = axis_taps(square[0], square[2], side, width)
    padded = np.full((height + 3, width + 3, 3), BORDER, np.float32)
    padded[1:height + 1, 1:width + 1] = frame
    wy, wx = wy[:, None, None], wx[None, :, None]
    rows = padded[y] * (1 - wy) + padded[y + 1] * wy
    return np.rint(rows[:, x] * (1 - wx) + rows[:, x + 1] * wx).astype(np.uint8)


def decode(path):
    """A video of 25 frames a second: (frames uint8 [H W 3] BGR, sound int16 at 16 kHz from the
    file's start on, with silence where it has none)."""
    with tempfile.TemporaryDirectory() as scratch:
        sound = os.path.join(scratch, "sound")
        run = subprocess.run(
            ["ffmpeg", "-nostdin", "-v", "error", "-threads", "1", "-i", path,
             "-map", "0:v:0", "-c:v", "ppm", "-f", "image2pipe", "-",
             "-map", "0:a:0", "-af", "aresample=16000:async=1:first_pts=0", "-ac", "1",
             "-f", "s16le", sound], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        if run.returncode:
            reason = run.stderr.decode(errors="replace").strip().splitlines()
            raise CropError(f"{path}: {reason[-1] if reason else 'ffmpeg failed'}")
        samples = np.fromfile(sound, "<i2")
    return split_ppm(run.stdout), samples


def split_ppm(data):
    """PPM pictures of one size, one behind the other -> a list of uint8 [H W 3] BGR."""
    head = re.match(rb"P6\s(\d+)\s(\d+)\s255\s", data)
    if not head:
        return []
    width, height = int(head[1]), int(head[2])
    pictures = np.frombuffer(data, np.uint8)
    pictures = pictures[:len(data) // (head.end() + 3 * width * height) *
                        (head.end() + 3 * width * height)]
    pictures = pictures.reshape(-1, head.end() + 3 * width * height)[:, head.end():]
    return list(pictures.reshape(-1, height, width, 3)[..., ::-1])


def part_of(samples, start, count):
    """`count` samples from `start` seconds on, zeros behind the end."""
    part = samples[round(start * SOUND_RATE):][:count]
    return np.pad(part, (0, count - len(part)))
