"""Pictures for the tests: PNG files, and a face drawn from blurred ovals that a face cascade
takes for one."""
import struct
import zlib

import numpy as np


def write_png(path, rgb):
    """Writes uint8 [H W 3]."""
    def chunk(kind, data):
        return (struct.pack(">I", len(data)) + kind + data +
                struct.pack(">I", zlib.crc32(kind + data)))

    height, width, _ = rgb.shape
    rows = b"".join(b"\0" + row.tobytes() for row in rgb)
    with open(path, "wb") as out:
        out.write(b"\x89PNG\r\n\x1a\n")
        out.write(chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)))
        out.write(chunk(b"IDAT", zlib.compress(rows, 1)) + chunk(b"IEND", b""))


def read_png(path):
    """Reads what the program writes: 8-bit RGB, not interlaced, any row filter."""
    data = open(path, "rb").read()
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    at, packed = 8, b""
    while at < len(data):
        size, kind = struct.unpack(">I4s", data[at:at + 8])
        body = data[at + 8:at + 8 + size]
        if kind == b"IHDR":
            width, height, depth, colour, _, _, interlaced = struct.unpack(">IIBBBBB", body)
            assert (depth, colour, interlaced) == (8, 2, 0)
        elif kind == b"IDAT":
            packed += body
        at += 12 + size
    rows = np.frombuffer(zlib.decompress(packed), np.uint8).reshape(height, 1 + 3 * width)
    out = np.zeros((height, 3 * width), np.uint8)
    for y in range(height):
        filter_rows(out, y, int(rows[y, 0]), rows[y, 1:])
    return out.reshape(height, width, 3)


def filter_rows(out, y, kind, raw):
    """Undoes the filter of row y (PNG specification, clause 9)."""
    above = out[y - 1].astype(int) if y else np.zeros(raw.size, int)
    if kind in (0, 2):
        out[y] = (raw + (above if kind == 2 else 0)) & 255
        return
    row = [0] * raw.size
    for i, value in enumerate(raw.tolist()):
        a = row[i - 3] if i >= 3 else 0
        b = int(above[i])
        c = int(above[i - 3]) if i >= 3 else 0
        if kind == 1:
            guess = a
        elif kind == 3:
            guess = (a + b) // 2
        else:
            p = a + b - c
            guess = min((abs(p - a), 0, a), (abs(p - b), 1, b), (abs(p - c), 2, c))[2]
        row[i] = (value + guess) & 255
    out[y] = row


def wall(width=360, height=288):
    return np.full((height, width, 3), 110, np.uint8)


def face(opening=0.5, size=240, width=360, height=288):
    """A face in the middle of a grey wall; opening: of the mouth, 0 to 1."""
    y, x = np.mgrid[0:height, 0:width]
    x, y = (x - width / 2) / (size / 2), (y - height / 2) / (size / 2)
    grey = np.full((height, width), 110.0)

    def oval(cx, cy, rx, ry, value, soft):
        distance = np.sqrt(((x - cx) / rx) ** 2 + ((y - cy) / ry) ** 2)
        cover = np.clip((1 + soft - distance) / (2 * soft), 0, 1)
        grey[:] = grey * (1 - cover) + value * cover

    oval(0, -0.12, 0.80, 0.98, 40, 0.15)  # hair
    oval(0, 0.05, 0.66, 0.90, 190, 0.15)
    for side in (-1, 1):
        oval(side * 0.28, -0.20, 0.22, 0.13, 110, 0.5)  # eye socket, brow, eye, cheek
        oval(side * 0.28, -0.32, 0.20, 0.05, 60, 0.4)
        oval(side * 0.28, -0.17, 0.11, 0.06, 40, 0.4)
        oval(side * 0.36, 0.25, 0.18, 0.14, 205, 0.8)
    oval(0, 0.02, 0.08, 0.26, 210, 0.6)  # nose, its shadow, mouth, chin
    oval(0, 0.28, 0.13, 0.04, 120, 0.5)
    oval(0, 0.52, 0.26, 0.05 + 0.06 * opening, 90, 0.4)
    oval(0, 0.70, 0.20, 0.06, 175, 0.8)
    return np.repeat(np.clip(grey, 0, 255).astype(np.uint8)[:, :, None], 3, 2)
