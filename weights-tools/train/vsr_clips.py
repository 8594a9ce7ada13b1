"""Videos -> what a sentence reader is trained on, kept in a folder.

For each clip NAME.npy (uint8 [T 96 96] grey, the crops of the kind `autoavsr` that `viseme face`
cuts, so that training and use see the same), NAME.mel.npy (float32 [40 4T], log-mel of the sound,
100 columns a second) and NAME.json (its words with their times, and who says them). A folder that
was interrupted goes on where it was.
"""
import json
import os
import subprocess
import tempfile

import numpy as np

from reference.logmel import log_mel
from train import lip_clips
from train.clips import person, prepared
from train.face_crops import SOUND_RATE, CropError, part_of

RATE = 25                            # pictures a second
STORED = 96                          # pixels of a crop; the network sees 88 of them
SAMPLES = SOUND_RATE // RATE


def output_of(command, path):
    run = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    if run.returncode:
        reason = run.stderr.decode(errors="replace").strip().splitlines()
        raise CropError(f"{path}: {reason[-1] if reason else command[0] + ' failed'}")
    return run.stdout


def mouths(program, path):
    """The crops of a video, uint8 [T 96 96], and the time of the first in seconds."""
    with tempfile.TemporaryDirectory() as scratch:
        crops = os.path.join(scratch, "crops")
        told = output_of([program, "face", "-q", "--json", "--face-model", "haar", "--crop-kind",
                          "autoavsr", "--crops", crops, "--", path], path)
        pixels = output_of(["ffmpeg", "-nostdin", "-v", "error", "-threads", "1", "-i",
                            os.path.join(crops, "%06d.png"), "-f", "rawvideo", "-pix_fmt", "gray",
                            "-"], path)
    lines = [json.loads(line) for line in told.decode().splitlines()]
    first = next(line["time_s"] for line in lines if line["type"] == "crop")
    return np.frombuffer(pixels, np.uint8).reshape(-1, STORED, STORED), first


def sound_of(path):
    """Samples at 16 kHz, int16, from the file's start on, with silence where it has none."""
    return np.frombuffer(output_of(
        ["ffmpeg", "-nostdin", "-v", "error", "-threads", "1", "-i", path, "-map", "0:a:0", "-af",
         "aresample=16000:async=1:first_pts=0", "-ac", "1", "-f", "s16le", "-"], path), "<i2")


def prepare(job):
    """Writes one clip unless it is there. job: (program, path, words, base without the ending).
    Returns None or why the clip is left out."""
    program, path, words, base = job
    if os.path.exists(base + ".json"):
        return None
    if not words:
        return f"{path}: no words are known"
    try:
        pictures, began = mouths(program, path)
        count = len(pictures)
        # one hop more: without its first and last column the mel has four for each picture
        samples = part_of(sound_of(path), began, SAMPLES * count + SOUND_RATE // 100)
        np.save(base + ".npy", pictures)
        np.save(base + ".mel.npy", log_mel(samples)[:, :4 * count].astype(np.float32))
        with open(base + ".part", "w", encoding="utf-8") as out:
            json.dump({"frames": count, "person": person(path),
                       "words": [[a - began, b - began, word] for a, b, word in words]}, out)
        os.replace(base + ".part", base + ".json")  # last: the clip is whole
        return None
    except (CropError, OSError, ValueError, StopIteration) as error:
        return f"{path}: {error}"


class Clip(lip_clips.Clip):
    """One prepared clip; pictures, uint8 [T 96 96], and sound stay on the disk until used."""

    def __init__(self, work, name):
        super().__init__(work, name)
        self.mel_path = os.path.join(work, name + ".mel.npy")

    def log_mel(self):
        """float32 [40 4T]."""
        return np.load(self.mel_path)


def load_clips(work, prefixes=("",)):
    """The clips of a work folder whose names start with one of `prefixes`, in order."""
    return [Clip(work, name) for name in prepared(work, prefixes)]
