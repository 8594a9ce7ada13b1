"""The training of Wav2Lip: its geometry and arithmetic, and that it can be stopped."""
import json
import os
import shutil
import subprocess
import sys

import numpy as np
import pytest

from conftest import GOLDENS, ROOT, TOOLS

torch = pytest.importorskip("torch")

from reference import mel  # noqa: E402
from reference.syncnet_color import SyncNetColor  # noqa: E402
from reference.wav2lip import Wav2Lip  # noqa: E402
from train import dub_batches, dub_clips, dub_model, train_wav2lip  # noqa: E402
from train.lip_batches import held_out  # noqa: E402

SHARED = os.path.join(ROOT, os.pardir, "shared")
PROGRAM = os.path.join(ROOT, os.environ.get("VISEME_BUILD") or "build", "viseme")
NARROW = {"generator": {"face_widths": [4] * 7, "face_residuals": [0] * 6, "audio_widths": [4] * 5,
                        "audio_residuals": [0] * 4, "decoder_widths": [4] * 7,
                        "decoder_residuals": [0, 1, 0, 0, 0, 0, 0], "output_width": 4},
          "expert": {"face_widths": [4] * 7, "face_residuals": [0] * 6, "audio_widths": [4] * 5,
                     "audio_residuals": [0] * 4}}


def write_clip(work, name, frames, speech):
    rng = np.random.default_rng(frames)
    np.save(os.path.join(work, name + ".npy"),
            rng.integers(0, 256, (frames, 112, 112, 3), dtype=np.uint8))
    np.save(os.path.join(work, name + ".mel.npy"),
            rng.uniform(-4, 4, (80, 1 + frames * 16 // 5)).astype(np.float32))
    with open(os.path.join(work, name + ".json"), "w", encoding="utf-8") as out:
        json.dump({"frames": frames, "speech": speech, "person": name}, out)


@pytest.fixture
def work(tmp_path):
    folder = tmp_path / "work"
    folder.mkdir()
    write_clip(folder, "a-1", 50, [8, 40])
    write_clip(folder, "a-2", 47, [15, 30])
    write_clip(folder, "a-3", 20, [5, 15])  # too short
    aside = next(f"b-{i}" for i in range(1000) if is_aside(f"b-{i}"))
    write_clip(folder, aside, 45, [5, 40])
    return str(folder)


def is_aside(name):
    class Someone:
        person = name
    return held_out(Someone)


# ---- geometry

def test_mel_is_that_of_the_original():
    folder = os.path.join(GOLDENS, "sound")
    samples = np.load(os.path.join(folder, "mel_samples.npy")) / 32768
    wanted = np.load(os.path.join(folder, "mel.npy"))
    ours = mel.spectrogram(samples)
    assert ours.shape == (80, 241) and np.abs(ours.T - wanted).max() < 1e-5
    assert [mel.chunk_start(241, i / 25) for i in (0, 1, 4, 5, 70, 71, 74)] == \
        [0, 3, 12, 16, 224, 225, 225]


def test_boxes_are_padded_and_smoothed_as_dub_does():
    found = np.array([[30.9, 20.2, 90.7, 100.9]] * 4 + [[-3.0, 20.2, 95.0, 115.0]] * 6)
    boxes = dub_clips.dub_boxes(found, 120, 92)
    assert boxes.tolist()[-1] == [0, 20, 92, 120]
    assert boxes.tolist()[0] == [24, 20, 90, 112]  # four of the first kind and one of the second


def test_faces_are_the_boxes_with_a_margin():
    frame = np.zeros((200, 200, 3), np.uint8)
    frame[40:136, 20:116] = (10, 20, 30)
    stored = dub_clips.cut(frame, (20, 40, 116, 136))
    assert (stored[8:104, 8:104] == (10, 20, 30)).all()
    assert (stored[:8] == 0).all() and (stored[:, 104:] == 0).all()
    face = dub_batches.View().crop(stored[None]).float()
    wanted = torch.tensor([10, 20, 30.0])[:, None, None] / 255
    assert face.shape == (1, 3, 96, 96) and torch.allclose(face[0], wanted, atol=1e-3)
    half = dub_batches.View().crop(stored[None], lower=True)
    assert torch.equal(half, dub_batches.View().crop(stored[None])[:, :, 48:])
    assert (dub_clips.cut(frame + 9, (-50, -50, 60, 60))[0, 0] == 9).all()  # edges go on


def test_upper_half_and_reference_are_seen(work):
    clip = dub_clips.Clip(work, "a-1")
    seen, sounds, target = dub_batches.Batches.lesson(clip, 10, 3, 2)
    whole = dub_batches.View().crop(clip.pictures(np.arange(12)))
    assert seen.shape == (2, 6, 96, 96) and torch.equal(target, whole[10:12])
    assert torch.equal(seen[:, :3, :48], target[:, :, :48]) and not seen[:, :3, 48:].any()
    assert torch.equal(seen[:, 3:], whole[3:5])
    assert np.array_equal(sounds[1, 0], clip.mel[:, 35:51])  # 11 / 25 s


def test_windows_of_the_expert_go_with_their_sound(work):
    clip = dub_clips.Clip(work, "a-2")
    faces, sounds = dub_batches.Batches.matched(clip)
    starts = dub_batches.Batches.windows(clip)
    whole = dub_batches.View().crop(clip.pictures(np.arange(clip.frames)))
    assert faces.shape == (12, 15, 48, 96) and sounds.shape == (12, 1, 80, 16)
    for k in (0, 11):
        assert torch.equal(faces[k], whole[starts[k]:starts[k] + 5, :, 48:].flatten(0, 1))
        assert np.array_equal(sounds[k, 0], clip.sound(starts[k]))
    made = whole[None, starts[11]:starts[11] + 5]
    assert torch.equal(dub_model.lower_halves(made)[0], faces[11])


def test_batches_follow_from_the_seed_and_the_step(work):
    clips = dub_clips.load_clips(work)
    one, two = (dub_batches.Batches([clips], seed=3) for _ in range(2))
    assert [c.name for c in one.pools[0]] == ["a-1", "a-2"]
    two.draw_matched(0, 2)
    for draw in (lambda b, n: b.draw_matched(n, 3), lambda b, n: b.draw_lessons(n, 3, 2)):
        assert all(torch.equal(x, y) for x, y in zip(draw(one, 5), draw(two, 5)))
        assert not torch.equal(draw(one, 5)[0], draw(one, 6)[0])
    for sounds in (one.draw_matched(4, 9)[1], one.draw_lessons(4, 9, 1)[1]):
        assert sounds.min() >= -4 and sounds.max() <= 4


# ---- arithmetic

def test_the_fast_form_of_the_generator_gives_the_same():
    torch.manual_seed(0)
    fast = dub_model.Generator(**NARROW["generator"]).eval()
    sounds, seen = torch.randn(2, 1, 80, 16), torch.rand(2, 6, 96, 96)
    with torch.no_grad():
        wanted = Wav2Lip.forward(fast, sounds, seen)
        assert torch.allclose(fast(sounds, seen), wanted, atol=1e-5)


def test_losses():
    vectors = torch.eye(8)[:6].view(2, 3, 8)
    expert = dub_model.Expert(**NARROW["expert"])
    with torch.no_grad():
        expert.w.fill_(100)
        assert dub_model.matching_loss(expert, vectors, vectors) < 1e-6
        assert dub_model.matching_loss(expert, vectors, vectors.flip(1)) > 50
    assert dub_model.pair_loss(vectors, vectors) < 1e-3
    assert dub_model.sync_loss(torch.tensor([0.25, 0.25]), True) == pytest.approx(np.log(4))
    assert dub_model.sync_loss(torch.tensor([0.25, 0.25]), False) == pytest.approx(np.log(4 / 3))
    weights = dub_model.loss_weights()
    assert weights.mean() == pytest.approx(1) and int(weights.argmax()) // 96 in (68, 69)
    assert weights[:40].max() < weights[60:80, 30:60].min() / 4


# ---- training

def train(work, out, *options):
    return train_wav2lip.main(["train", "--work", work, "--out", str(out), "--steps", "2", "2",
                               "2", "2", "--batch", "2", "6", "--threads", "1", "--every", "3",
                               "--config", json.dumps(NARROW), *options])


@pytest.mark.parametrize("options", [(), ("--exact",)])
def test_a_run_that_was_stopped_goes_on_as_if_it_had_not_been(work, tmp_path, options):
    assert train(work, tmp_path / "one", *options) == 0
    for stop in ("1", "4", "2"):
        assert train(work, tmp_path / "two", "--limit", stop, *options) == 130
    assert (tmp_path / "two" / "expert.pt").exists()
    assert not (tmp_path / "two" / "wav2lip.pt").exists()
    assert train(work, tmp_path / "two", *options) == 0
    one, two = (torch.load(tmp_path / run / "state.pt") for run in ("one", "two"))
    assert one["step"] == two["step"] == 8
    for net in ("expert", "generator"):
        for name, tensor in one["nets"][net].items():
            assert torch.equal(tensor, two["nets"][net][name]), name
    rows = [line.split("\t") for line in (tmp_path / "one" / "log.tsv").read_text().splitlines()]
    assert [row[1] for row in rows[1:]] == ["match", "pairs", "pairs", "frames", "sync"]
    assert all(np.isfinite(float(x)) for row in rows[1:] for x in row[3:])


def test_networks_are_exported_for_the_converter(work, tmp_path):
    assert train(work, tmp_path / "out") == 0
    for name, arch, net in (
            ("expert", "syncnet_color", SyncNetColor(**NARROW["expert"])),
            ("wav2lip", "wav2lip", Wav2Lip(**NARROW["generator"]))):
        saved = torch.load(tmp_path / "out" / f"{name}.pt")
        net.load_state_dict(saved["state_dict"])
        config = (tmp_path / "out" / f"{name}.json").read_text()
        made = subprocess.run([sys.executable, os.path.join(TOOLS, "convert.py"),
                               str(tmp_path / "out" / f"{name}.pt"), "-o",
                               str(tmp_path / f"{name}.safetensors"), "--dtype", "bf16",
                               "--arch", arch, "--config", config], stderr=subprocess.PIPE)
        assert made.returncode == 0, made.stderr.decode()


def test_the_expert_rests_while_the_generator_learns(work, tmp_path):
    assert train(work, tmp_path / "out", "--limit", "4") == 130
    before = torch.load(tmp_path / "out" / "state.pt")["nets"]
    assert train(work, tmp_path / "out") == 0
    after = torch.load(tmp_path / "out" / "state.pt")["nets"]
    for name, tensor in before["expert"].items():
        assert torch.equal(tensor, after["expert"][name]), name
    assert any(not torch.equal(t, after["generator"][n]) for n, t in before["generator"].items())


def test_other_options_do_not_go_on(work, tmp_path):
    assert train(work, tmp_path / "out", "--limit", "1") == 130
    with pytest.raises(SystemExit, match="other options"):
        train(work, tmp_path / "out", "--seed", "9")


def test_no_clips_are_an_error(work, tmp_path, capsys):
    assert train(work, tmp_path / "out", "--pools", "a-3") == 1
    assert "no clips" in capsys.readouterr().err


@pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="no program ffmpeg")
def test_a_real_clip_is_prepared(tmp_path):
    path = os.path.join(SHARED, "clips", "grid", "s1_bbaf2n.mpg")
    if not os.path.exists(path) or not os.path.exists(PROGRAM):
        pytest.skip("no ../shared or no program")
    assert dub_clips.prepare((PROGRAM, path, [(0.95, 2.1, "bin")], str(tmp_path / "a"))) is None
    clip = dub_clips.Clip(str(tmp_path), "a")
    assert (clip.frames, clip.first, clip.last) == (75, 23, 53)
    assert clip.mel.shape == (80, 241) and clip.pictures([70, 74]).shape == (2, 112, 112, 3)
    assert clip.sound(30).max() > clip.sound(0).max() + 1  # it is spoken at 1.2 s
    assert dub_clips.prepare((PROGRAM, os.path.join(TOOLS, "convert.py"), None,
                              str(tmp_path / "b")))
