"""The training of LipNet: what its batches hold, that it can be stopped, and what it prepares."""
import json
import os
import subprocess
import sys

import numpy as np
import pytest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
TRAIN = os.path.join(ROOT, "weights-tools", "train", "train_lipnet.py")
sys.path.insert(0, os.path.join(ROOT, "weights-tools"))

torch = pytest.importorskip("torch")
PROGRAM = os.path.join(ROOT, os.environ.get("VISEME_BUILD") or "build", "viseme")

from train import lip_batches, train_lipnet  # noqa: E402
from train.lip_clips import Clip, load_clips  # noqa: E402


def write_clip(work, name, words, frames, person):
    rng = np.random.default_rng(len(name) + frames)
    np.save(os.path.join(work, name + ".npy"),
            rng.integers(0, 256, (frames, 64, 128, 3), dtype=np.uint8))
    with open(os.path.join(work, name + ".json"), "w", encoding="utf-8") as out:
        json.dump({"frames": frames, "person": person, "words": words}, out)


@pytest.fixture
def work(tmp_path):
    folder = tmp_path / "work"
    folder.mkdir()
    for i in range(4):  # "p0" to "p3" are not held out
        write_clip(folder, f"a-{i}", [[0.4, 0.6, "in"], [0.6, 0.8, "six"]], 28 + i, f"p{i}")
    return folder


def test_frame_labels_follow_the_words(tmp_path):
    write_clip(tmp_path, "c", [[0.2, 0.36, "ab"], [0.44, 0.52, "c"]], 16, "x")
    classes = lip_batches.frame_labels(Clip(tmp_path, "c"))
    assert classes.tolist() == [0] * 5 + [2, 2, 3, 3] + [1, 1] + [4, 4] + [0] * 3


def test_a_space_stays_between_words_that_touch(tmp_path):
    write_clip(tmp_path, "c", [[0.2, 0.36, "ab"], [0.36, 0.52, "c"]], 16, "x")
    classes = lip_batches.frame_labels(Clip(tmp_path, "c"))
    assert classes.tolist() == [0] * 5 + [2, 2, 3, 1] + [4] * 4 + [0] * 3


def test_batches_follow_from_the_seed_and_the_step(work):
    clips = load_clips(work, "a-")
    one, two = (lip_batches.Batches([(clips, 4)], 2, seed=3) for _ in range(2))
    two.draw(0)
    for a, b in zip(one.draw(5)[:2], two.draw(5)[:2]):
        assert torch.equal(a, b)
    pictures, classes, texts = one.draw(5)
    assert pictures.shape[:2] == (2, 3) and pictures.shape[3:] == (64, 128)
    assert classes.shape == (2, pictures.shape[2])
    assert 0 <= float(pictures.min()) and float(pictures.max()) <= 1
    assert texts == [lip_batches.labels("IN SIX")] * 2


def test_the_words_stay_in_what_is_shown(work):
    clip = load_clips(work, "a-")[3]
    for seed in range(50):
        chosen = lip_batches.frame_choice(np.random.default_rng(seed), clip)
        assert chosen.min() <= 10 - lip_batches.KEEP + 1 and chosen.max() >= 19
        assert (np.diff(chosen) >= 0).all() and chosen.max() < clip.frames


def test_pictures_that_are_not_moved_stay(monkeypatch):
    class Still:
        def uniform(self, low, high):
            return 0.0

        def random(self):
            return 1.0

    planes = torch.rand(2, 3, 64, 128)
    assert torch.allclose(lip_batches.moved(Still(), planes), planes, atol=1e-5)


def test_greedy_reading_and_edits():
    classes = [0, 3, 3, 0, 3, 1, 1, 27, 0]
    assert train_lipnet.greedy(classes) == "BB Z"
    assert train_lipnet.edits("a b c".split(), "a x c d".split()) == 2
    assert train_lipnet.edits([], ["a"]) == 1


def train(work, out, *more):
    run = subprocess.run([sys.executable, TRAIN, "train", "--work", work, "--out", out, "--epochs",
                          "1", "1", "--batch", "2", "--threads", "1", "--exact", *more],
                         stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    return run.returncode, run.stderr


def test_a_stopped_training_goes_on_as_if_it_had_not_been(work, tmp_path):
    whole, parts = str(tmp_path / "whole"), str(tmp_path / "parts")
    assert train(work, whole)[0] == 0
    code, said = train(work, parts, "--limit", "1")
    assert code == 130 and "goes on from here" in said
    assert not os.path.exists(os.path.join(parts, "lipnet.pt"))
    assert train(work, parts)[0] == 0
    one, two = (torch.load(os.path.join(out, "lipnet.pt")) for out in (whole, parts))
    assert one.keys() == two.keys() and all(torch.equal(one[k], two[k]) for k in one)
    code, said = train(work, parts, "--seed", "2")
    assert code == 1 and "other options" in said


def test_pools_that_are_not_there_are_refused(work, tmp_path):
    for pool, wanted in (("nobody", "no such clips"), ("a-=many", "many is not a number")):
        code, said = train(work, str(tmp_path / "out"), "--pool", pool)
        assert code == 1 and wanted in said


def reads_videos():
    run = subprocess.run([PROGRAM, "version", "--json"], stdout=subprocess.PIPE)
    return run.returncode == 0 and json.loads(run.stdout)["ffmpeg"] is not None


def test_prepare_cuts_what_viseme_cuts(tmp_path):
    """A rendered clip: as many pictures as frames, its words at their times."""
    corpus = os.path.join(ROOT, "weights-tools", "synth", "corpus.py")
    folder, work = str(tmp_path / "clips"), str(tmp_path / "work")
    made = subprocess.run([sys.executable, corpus, "--out", folder, "--clips", "1", "--seed", "5",
                           "--jobs", "1"], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    if made.returncode:
        pytest.skip(f"nothing is rendered here: {made.stderr.decode().strip()}")
    if not reads_videos():
        pytest.skip(f"{PROGRAM} reads no videos")
    for _ in range(2):  # the second time it is there
        run = subprocess.run([sys.executable, TRAIN, "prepare", "--work", work, "--program",
                              PROGRAM, folder], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                             text=True)
        assert run.returncode == 0 and run.stdout.startswith("1 clips"), run.stderr
    with open(os.path.join(folder, "manifest.jsonl"), encoding="utf-8") as file:
        facts = json.loads(file.read())
    clip, = load_clips(work, "")
    assert clip.text == facts["text"].upper() and clip.frames == facts["frames"]
    assert abs(clip.words[0][0] - facts["words"][0][1]) < 1e-3
    assert clip.pictures().shape == (clip.frames, 64, 128, 3)
