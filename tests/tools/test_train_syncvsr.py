"""The training of the sentence reader: its arithmetic, and that it can be stopped."""
import json
import os
import shutil
import subprocess
import sys

import numpy as np
import pytest

from conftest import ROOT, TOOLS

torch = pytest.importorskip("torch")

from reference.syncvsr import SyncVSR  # noqa: E402
from train import audio_tokens, train_syncvsr, units, vsr_batches, vsr_model  # noqa: E402
from train.vsr_clips import Clip, load_clips, prepare  # noqa: E402

PROGRAM = os.path.join(ROOT, os.environ.get("VISEME_BUILD") or "build", "viseme")
CLIP = os.path.join(ROOT, "demo", "grid-1.mp4")
SMALL = {"adim": 16, "aheads": 2, "eunits": 16, "elayers": 1, "cnn_module_kernel": 5, "dheads": 2,
         "dunits": 16, "dlayers": 1, "frontend_widths": [4, 4, 4, 4], "input_size": 44}
WORDS = [(0.2, 0.5, "bin"), (0.5, 0.9, "blue"), (1.0, 1.4, "at")]
needs_ffmpeg = pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="no program ffmpeg")


def write_clip(work, name, frames, words):
    rng = np.random.default_rng(frames)
    base = os.path.join(work, name)
    np.save(base + ".npy", rng.integers(0, 256, (frames, 96, 96), dtype=np.uint8))
    np.save(base + ".mel.npy", rng.normal(size=(40, 4 * frames)).astype(np.float32))
    with open(base + ".json", "w", encoding="utf-8") as out:
        json.dump({"frames": frames, "person": name, "words": words}, out)


@pytest.fixture
def work(tmp_path):
    folder = tmp_path / "work"
    folder.mkdir()
    for number, frames in enumerate((40, 44, 47, 50)):
        write_clip(folder, f"a-{number}", frames, WORDS)
    return str(folder)


@pytest.fixture
def lessons():
    inventory = units.learn(["BIN BLUE AT", "BLUE BIN"], 12)
    rng = np.random.default_rng(1)
    return vsr_batches.Lessons(inventory, audio_tokens.fit(rng.normal(size=(200, 40)), 6, 1))


# ---- arithmetic

@pytest.mark.parametrize("side", [44, 88])
def test_the_fast_form_of_the_stem_gives_the_same(side):
    torch.manual_seed(0)
    model = vsr_model.Trainee({**SMALL, "odim": 5, "audio_outputs": 8}, 0.1).eval()
    greys = torch.randn(2, 7, side, side)
    with torch.no_grad():
        wanted = model.net(greys[:, :, None])["encoder"]
        ours = model.encode(greys)
    assert ours.shape == (2, 7, 16) and wanted.abs().max() > 0.1
    assert torch.allclose(ours, wanted, atol=1e-5)


def test_dropout_is_there_in_training_only():
    torch.manual_seed(0)
    model = vsr_model.Trainee({**SMALL, "odim": 5, "audio_outputs": 8}, 0.5)
    x = torch.randn(1, 6, 16)
    layer = model.net.encoder.encoders[0].feed_forward.w_2
    assert (layer(x) == 0).sum() > 10
    assert (layer.eval()(x) == 0).sum() == 0


def test_losses_are_those_of_upstream():
    torch.manual_seed(0)
    logits = torch.randn(2, 9, 6)
    texts = [[1, 2, 2], [3]]
    one = [torch.nn.functional.ctc_loss(torch.log_softmax(logits[i], -1)[:, None],
                                        torch.tensor([t]), [9], [len(t)], reduction="sum")
           for i, t in enumerate(texts)]
    assert vsr_model.ctc_loss(logits, texts) == pytest.approx(float(sum(one)) / 2, rel=1e-6)
    seen, said = vsr_model.decoder_batch(texts, 5)
    assert seen.tolist() == [[5, 1, 2, 2], [5, 3, 5, 5]]
    assert said.tolist() == [[1, 2, 2, 5], [3, 5, -1, -1]]
    log_p = torch.log_softmax(torch.randn(2, 4, 6), -1)
    plain = sum(-0.9 * log_p[i, j, u] - 0.02 * (log_p[i, j].sum() - log_p[i, j, u])
                for i, row in enumerate(said.tolist()) for j, u in enumerate(row) if u >= 0) / 2
    assert vsr_model.decoder_loss(log_p, said) == pytest.approx(float(plain), rel=1e-6)


def test_audio_tokens_are_asked_in_the_order_of_the_head():
    tokens = torch.arange(8).remainder(3)[None, None]
    logits = torch.full((1, 1, 8 * 3), -50.0)
    for place, token in enumerate(tokens.flatten().tolist()):
        logits[0, 0, place * 3 + token] = 50.0
    assert vsr_model.audio_loss(logits, tokens, 3) < 1e-6


# ---- clips and batches

def test_pictures_are_what_the_program_feeds():
    pictures = np.zeros((1, 96, 96), np.uint8)
    pictures[0, 4:6, 4:6] = [[10, 20], [30, 40]]  # the first four pixels of the middle 88
    pictures[0, 0, 0] = 255
    whole, half = (vsr_batches.normalized(vsr_batches.planes_of(pictures, side), side)
                   for side in (88, 44))
    assert whole.shape == (1, 88, 88) and half.shape == (1, 44, 44)
    black = -0.421 / 0.165
    assert float(whole[0, 0, 1]) == pytest.approx((20 / 255 - 0.421) / 0.165, abs=1e-5)
    assert float(half[0, 0, 0]) == pytest.approx((25 / 255 - 0.421) / 0.165, abs=1e-5)
    assert np.allclose(half.flatten()[1:], black, atol=1e-5)


def test_frames_have_the_units_of_their_words(work, lessons):
    clip = load_clips(work)[0]
    classes = lessons.frames(clip)
    assert (classes[:5] == 0).all() and (classes[35:] == 0).all() and classes[23] == 0
    kept = train_syncvsr.collapsed(classes.tolist())
    assert lessons.words(kept) == ["BIN", "BLUE", "AT"] and kept == lessons.text(clip)


def test_a_batch_depends_on_seed_and_step_alone(work, lessons):
    def batches(seed):
        return vsr_batches.Batches([load_clips(work)], lessons, 2, 44, seed)
    one, again, other = batches(1).draw(7), batches(1).draw(7), batches(2).draw(7)
    greys, frames, tokens, texts = one
    assert greys.shape[0] == 2 and greys.shape[2:] == (44, 44)
    assert frames.shape == greys.shape[:2] and tokens.shape == (*greys.shape[:2], 8)
    assert len(texts) == 2 and torch.equal(greys, again[0])
    assert greys.shape != other[0].shape or not torch.equal(greys, other[0])


def test_every_clip_is_shown_before_one_is_again(work, lessons):
    batches = vsr_batches.Batches([load_clips(work)], lessons, 1, 44, 1)
    count = len(batches.pools[0])
    shown = [batches.clip(0, n).name for n in range(2 * count)]
    assert len(set(shown[:count])) == count == len(set(shown[count:]))


@needs_ffmpeg
def test_prepare_keeps_crops_words_and_sound(tmp_path):
    base = str(tmp_path / "one")
    assert prepare((PROGRAM, CLIP, [(0.5, 0.9, "bin")], base)) is None
    clip = Clip(str(tmp_path), "one")
    assert clip.pictures().shape == (clip.frames, 96, 96) and clip.frames > 50
    assert clip.log_mel().shape == (40, 4 * clip.frames)
    assert abs(clip.log_mel().mean()) < 0.1 and clip.text == "BIN"
    assert "no words" in prepare((PROGRAM, CLIP, None, str(tmp_path / "two")))
    assert prepare((PROGRAM, __file__, [(0, 1, "bin")], str(tmp_path / "three")))
    assert len(load_clips(str(tmp_path))) == 1


# ---- the run

def command(work, out, *more):
    return [sys.executable, os.path.join(TOOLS, "train", "train_syncvsr.py"), "train", "--work",
            work, "--out", str(out), "--steps", "2", "3", "--share", "2", "--every", "2",
            "--units", "10", "--codes", "6", "--threads", "1", "--config", json.dumps(SMALL),
            *more]


def test_a_run_that_was_stopped_ends_as_one_that_was_not(work, tmp_path):
    subprocess.run(command(work, tmp_path / "whole"), check=True, stderr=subprocess.DEVNULL)
    first = subprocess.run(command(work, tmp_path / "parts", "--limit", "3"),
                           stderr=subprocess.PIPE)
    assert first.returncode == 130 and b"goes on from here" in first.stderr
    subprocess.run(command(work, tmp_path / "parts"), check=True, stderr=subprocess.DEVNULL)
    whole, parts = (torch.load(tmp_path / name / "syncvsr.pt") for name in ("whole", "parts"))
    assert whole.keys() == parts.keys()
    assert all(torch.equal(whole[name], parts[name]) for name in whole)
    refused = subprocess.run(command(work, tmp_path / "parts", "--seed", "2"),
                             stderr=subprocess.PIPE)
    assert refused.returncode == 1 and b"other options" in refused.stderr


def test_without_audio_tokens_their_head_learns_nothing(work):
    options = {"steps": [1, 1], "share": 2, "seed": 1, "exact": True, "dropout": 0.0, "units": 10,
               "codes": 6, "audio_weight": 0.0, "config": SMALL}
    training = train_syncvsr.Training([load_clips(work)], options)
    for _ in range(2):
        training.advance(training.draw(training.step))
    assert training.model.net.audio_classifier.weight.grad is None
    assert training.model.net.decoder.output_layer.weight.grad.abs().sum() > 0
    assert training.stage() is None


def test_what_is_exported_becomes_weights(work, tmp_path, run_convert):
    out = tmp_path / "out"
    subprocess.run(command(work, out), check=True, stderr=subprocess.DEVNULL)
    config = json.loads((out / "syncvsr.json").read_text())
    result = run_convert(out / "syncvsr.pt", "-o", tmp_path / "s.safetensors", "--arch", "syncvsr",
                         "--dtype", "bf16", "--vocab", out / "units.txt", "--config",
                         json.dumps(config))
    assert result.code == 0, result.err
    state = torch.load(out / "syncvsr.pt")
    assert not [name for name in state if name.startswith("audio_classifier")]
    assert state.keys() == SyncVSR({**SMALL, "odim": 12, "audio_outputs": 0}).state_dict().keys()
