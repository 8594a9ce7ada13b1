"""Sound and video files for the tests of what viseme writes, and what ffprobe says of them."""
import json
import struct
import subprocess

import numpy as np

X264 = ["-c:v", "libx264", "-qp", "0", "-preset", "ultrafast"]


def wav(path, seconds, rate=16000, channels=1):
    n = round(seconds * rate)
    t = np.arange(n) / rate
    samples = (8000 * np.sin(2 * np.pi * 220 * t) * (np.sin(2 * np.pi * 3 * t) > 0)).astype("<i2")
    data = np.repeat(samples[:, None], channels, 1).tobytes()
    with open(path, "wb") as f:
        f.write(b"RIFF" + struct.pack("<I", 36 + len(data)) + b"WAVEfmt "
                + struct.pack("<IHHIIHH", 16, 1, channels, rate, rate * 2 * channels,
                              2 * channels, 16) + b"data" + struct.pack("<I", len(data)) + data)
    return str(path)


def ffmpeg(*args):
    return subprocess.run(["ffmpeg", "-v", "error", "-y", *map(str, args)], check=True,
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE).stdout


def probe(path, *entries):
    done = subprocess.run(["ffprobe", "-v", "error", "-of", "json", *entries, str(path)],
                          check=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
    return json.loads(done.stdout)


def stream(path, kind):
    return probe(path, "-count_frames", "-select_streams", kind, "-show_streams")["streams"][0]


def times(path):
    """Seconds of the frames."""
    frames = probe(path, "-select_streams", "v", "-show_entries", "frame=pts_time")["frames"]
    return [float(f["pts_time"]) for f in frames]


def raw(path, *options):
    """The samples of all frames, as they were decoded."""
    return np.frombuffer(ffmpeg("-i", path, "-vsync", "passthrough", *options, "-f", "rawvideo",
                                "-"), np.uint8)
