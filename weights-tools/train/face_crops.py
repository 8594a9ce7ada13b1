"""Face crops as `viseme sync` cuts them (tasks/sync_faces.c), from what `viseme face --json` says:
boxes in WIDER FACE's manner, and SyncNet's rule on them."""
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

# Left, top, right, bottom of the box that WIDER FACE's people would draw, from the centre of the
# cascade's box on, in shares of its sides: `outline` in tasks/face_haar.c. `viseme face` prints the
# cascade's box; `viseme sync` cuts by the other one, which is 1.11 times as high.
OUTLINE = np.array([-0.39, -0.53, 0.37, 0.58])


class CropError(Exception):
    """One sentence for the user."""


def find_boxes(program, path):
    """The face of each 1/25 s in WIDER FACE's manner: (times [T], boxes [T 4] of left, top, right,
    bottom in pixels)."""
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
    return np.array([crop["time_s"] for crop in crops]), outlines(np.array(boxes, np.float64))


def outlines(boxes):
    """The cascade's boxes [T 4] of x, y, width, height -> boxes in WIDER FACE's manner [T 4] of
    left, top, right, bottom."""
    sides = np.tile(boxes[:, 2:], 2)
    return np.tile(boxes[:, :2], 2) + (0.5 + OUTLINE) * sides


def median(values):
    """A running median over MEDIAN values; the ends are repeated."""
    padded = np.pad(values, MEDIAN // 2, mode="edge")
    return np.median(np.lib.stride_tricks.sliding_window_view(padded, MEDIAN), axis=-1)


def squares(boxes):
    """boxes [T 4] of left, top, right, bottom -> squares [T 4] likewise, whole pixels: half the
    box's longer side s, smoothed, gives 1.4 s to the left, right and above of a point 0.4 s below
    its centre."""
    sides = boxes[:, 2:] - boxes[:, :2]
    s = median(sides.max(axis=1) / 2)
    x = median(boxes[:, [0, 2]].mean(axis=1))
    y = median(boxes[:, [1, 3]].mean(axis=1))
    pad = np.trunc(s * (1 + 2 * CROP_SCALE))  # the original pads the picture before it rounds
    edges = [x - s * (1 + CROP_SCALE), y - s,
             x + s * (1 + CROP_SCALE), y + s * (1 + 2 * CROP_SCALE)]
    return np.stack([np.trunc(edge + pad) - pad for edge in edges], axis=1)


def axis_taps(low, high, side, length):
    """Where the `side` pixels of a row from `low` to `high` lie among `length` pixels: (index,
    weight of the next one), bilinear with pixel centres at one half, as OpenCV has it. Indices
    count from one pixel before the picture, which is border, to one behind it."""
    at = low + (np.arange(side) + 0.5) * ((high - low) / side) - 0.5 + 1
    at = np.clip(at, 0, length + 0.999)
    low = at.astype(np.int64)
    return low, (at - low).astype(np.float32)


def cut(frame, square, side, margin=1.0):
    """frame uint8 [H W 3], square (left, top, right, bottom) made `margin` times as large ->
    uint8 [side side 3]."""
    height, width, _ = frame.shape
    x0, y0, x1, y1 = square
    more_x, more_y = (margin - 1) / 2 * (x1 - x0), (margin - 1) / 2 * (y1 - y0)
    x, wx = axis_taps(x0 - more_x, x1 + more_x, side, width)
    y, wy = axis_taps(y0 - more_y, y1 + more_y, side, height)
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
