"""The rendered test set: people and sentences that no training has seen, under many conditions.

weights-tools/synth/corpus.py draws it from SEED into bench/cache/accuracy/, once; interrupted, it
goes on. The random streams of a clip do not depend on its condition: clip 3 of `noise` is said by
the same person in the same way as clip 3 of `clean`, and what a condition costs is measured on the
same sentences.
"""
import hashlib
import json
import os
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SYNTH = os.path.join(ROOT, "weights-tools")
CACHE = os.path.join(ROOT, "bench", "cache", "accuracy")
sys.path.insert(0, SYNTH)

from synth import sentences  # noqa: E402

SEED = 20                    # of `test`; training drew from other seeds, and from `train`
SENTENCES = ("grid", "digits")  # unless weights say what they are for
CLEAN, OTHER = 40, 9         # clips of each kind of sentence
QUICK = 3
CALIBRATION = 30
# name: options of corpus.py
CONDITIONS = {"clean": ()}
CONDITIONS.update((name, ("--condition", name)) for name in
                  ("low_light", "noise", "small", "motion", "blur", "side_light", "compressed",
                   "gaps"))
CONDITIONS.update((f"{fps} fps", ("--fps", str(fps))) for fps in (15, 30, 60))


class HeldIn(Exception):
    """A clip that training may have seen."""


def _draw(name, split, seed, kind, count, options, jobs):
    """Lines of the manifest, with "path"."""
    folder = os.path.join(CACHE, name)
    subprocess.run([sys.executable, os.path.join(SYNTH, "synth", "corpus.py"), "--out", folder,
                    "--split", split, "--seed", str(seed), "--sentences", kind, "--clips",
                    str(count), "--jobs", str(jobs), *options], check=True)
    with open(os.path.join(folder, "manifest.jsonl"), encoding="utf-8") as file:
        found = [json.loads(line) for line in file]
    for clip in found:
        clip["path"] = os.path.join(folder, clip["name"] + ".mp4")
    return found


def clips(kind, condition, count=None, jobs=1):
    """The clips of one condition, made where they are missing: lines of the manifest with "path".
    kind: of synth's sentences; count: None for all. Raises HeldIn, and
    subprocess.CalledProcessError when drawing fails."""
    count = count or (CLEAN if condition == "clean" else OTHER)
    found = _draw(f"{kind}-{condition.replace(' ', '')}", "test", SEED, kind, count,
                  CONDITIONS[condition], jobs)
    for clip in found:
        if clip["split"] != "test" or sentences.split_of(clip["text"]) != "test":
            raise HeldIn(f"{clip['name']} is no clip of the test split")
    return found


def calibration(kind, jobs=1):
    """Clips to choose thresholds on: of the split that training draws from, by another seed."""
    return _draw(f"calibration-{kind}", "train", SEED, kind, CALIBRATION,
                 ("--condition", "mixed"), jobs)


def digest(clip_lists):
    """SHA-256 over the pictures of all clips: equal when two runs saw the same test set."""
    total = hashlib.sha256()
    for found in clip_lists:
        for clip in found:
            total.update(clip["pixels_sha256"].encode())
    return total.hexdigest()
