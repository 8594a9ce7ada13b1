"""The training of the lip-sync networks: its arithmetic, and that it can be stopped."""
import json
import os
import re
import shutil
import subprocess
import sys

import numpy as np
import pytest

from conftest import GOLDENS, ROOT, TOOLS

torch = pytest.importorskip("torch")

from reference import sync_methods  # noqa: E402
from reference.logmel import log_mel, normalized_log  # noqa: E402
from reference.synce2e import SyncE2E  # noqa: E402
from train import face_crops, sync_batches, sync_model, train_sync  # noqa: E402
from train.sync_clips import Clip, load_clips, prepare, spoken  # noqa: E402

SHARED = os.path.join(ROOT, os.pardir, "shared")
PROGRAM = os.path.join(ROOT, os.environ.get("VISEME_BUILD") or "build", "viseme")
NARROW = {"lip_widths": [4] * 6, "aud_widths": [4] * 6, "head_widths": [8, 8], "frame_size": 64,
          "audio_trunk": "fbank", "matrix": 16, "cls_widths": [4] * 3, "offsets": 11}
needs_ffmpeg = pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="no program ffmpeg")


def write_clip(work, name, frames, speech, crop=(80, 80, 128)):
    rng = np.random.default_rng(frames)
    np.save(os.path.join(work, name + ".npy"),
            rng.integers(0, 256, (frames, 160, 160, 3), dtype=np.uint8))
    np.save(os.path.join(work, name + ".mel.npy"),
            rng.gamma(1, 1e6, (40, 4 * frames + 2)).astype(np.float32))
    with open(os.path.join(work, name + ".json"), "w", encoding="utf-8") as out:
        json.dump({"frames": frames, "speech": speech, "speech_from": "words", "person": name,
                   "crop": crop}, out)


@pytest.fixture
def work(tmp_path):
    folder = tmp_path / "work"
    folder.mkdir()
    write_clip(folder, "a-1", 50, [8, 40])
    write_clip(folder, "a-2", 47, [15, 30])
    return str(folder)


# ---- arithmetic

def test_loss_is_that_of_syncnet_trainer():
    video, audio = (torch.from_numpy(np.load(os.path.join(GOLDENS, "sync_loss", name)))
                    for name in ("loss_v.npy", "loss_a.npy"))
    video, audio = (torch.nn.functional.normalize(x.transpose(1, 2), dim=-1)
                    for x in (video, audio))
    assert sync_model.angular_loss(video, audio, 10, -5) == pytest.approx(1.2314329147, abs=1e-5)
    assert sync_model.angular_loss(audio, video, 10, -5) == pytest.approx(1.2033338547, abs=1e-5)


def test_later_classes_are_counted_from_the_first_right_one():
    vectors = torch.eye(9)[None]
    logits = 100 * vectors[:, 3:7] @ vectors.transpose(1, 2)
    right = torch.nn.functional.cross_entropy(logits[0], torch.arange(3, 7))
    assert sync_model.angular_loss(vectors[:, 3:7], vectors, 100, 0, 3) == right
    assert right < 1e-6 < sync_model.angular_loss(vectors[:, 3:7], vectors, 100, 0, 2)


@pytest.mark.parametrize("case", ["n11_m5", "n11_p0", "n11_p3", "n20_m2", "n20_p3"])
def test_methods_without_a_classifier(case):
    folder = os.path.join(GOLDENS, "sync_heuristics")
    rows = np.load(os.path.join(folder, f"heur_{case}.npy"))
    matrix = np.load(os.path.join(folder, f"matrix_{case}.npy"))
    audio, video = np.load(os.path.join(folder, f"feat_{case}.npy")).astype(np.float64)
    audio, video = (x / np.linalg.norm(x, axis=1, keepdims=True) for x in (audio, video))
    assert np.allclose(sync_methods.diagonal_means(matrix), rows[0], atol=1e-5)
    assert np.allclose(sync_methods.sliding_window(audio, video), -rows[1], atol=1e-5)


def test_front_end_is_that_of_torchaudio():
    folder = os.path.join(SHARED, "goldens")
    if not os.path.isdir(folder):
        pytest.skip("no ../shared")
    samples = np.load(os.path.join(folder, "mfcc", "signal.npy"))
    wanted = np.load(os.path.join(folder, "syncnet_fbank", "instancenorm.npy"))
    for row, start in zip(wanted, (0, 8000)):
        assert np.abs(log_mel(samples[start:start + 32240]) - row[:, 1:-1]).max() < 2e-4


def test_the_fast_form_of_the_lip_stream_gives_the_same():
    torch.manual_seed(0)
    streams = SyncE2E(NARROW["lip_widths"], NARROW["aud_widths"], NARROW["head_widths"], 64).eval()
    frames = torch.rand(7, 3, 64, 64) * 255
    with torch.no_grad():
        wanted = streams.forward_lip(frames.transpose(0, 1)[None])[0][0]
        ours = sync_model.lip_embeddings(streams, sync_model.lip_planes(frames[None])[0])
    assert ours.shape == (3, 8) and wanted.abs().max() > 0.01
    assert torch.allclose(ours, wanted, atol=1e-5)


def test_parts_of_the_matrix_are_moved_by_their_offsets():
    vectors = torch.eye(42)
    audio, video = vectors[None], vectors[None, 5:37]  # audio window i + 5 goes with video i
    starts, offsets = torch.tensor([[0, 16, 7]]), torch.tensor([[-5, 5, 2]])
    matrices = sync_model.cut_matrices(video, audio, 16, starts, offsets)[:, 0].numpy()
    for matrix, offset in zip(matrices, (-5, 5, 2)):
        assert sync_methods.diagonal_means(matrix).argmax() == offset + 5
        assert (matrix == np.eye(16, k=offset)).all()


# ---- clips and batches

def test_boxes_are_those_that_the_program_cuts_by():
    with open(os.path.join(ROOT, "tasks", "face_haar.c"), encoding="utf-8") as file:
        numbers = re.search(r"\.outline = {(.*)}", file.read())[1]
    assert face_crops.OUTLINE.tolist() == [float(x) for x in numbers.split(",")]
    box = face_crops.outlines(np.array([[10.0, 20.0, 100.0, 100.0]]))
    assert np.allclose(box, [[21, 17, 97, 128]])


def test_crops_are_the_squares_of_the_rule():
    boxes = np.tile([[40.0, 20.0, 100.0, 100.0]], (20, 1))
    boxes[7] = 0  # one look that went wrong
    squares = face_crops.squares(boxes)
    assert (squares == [14, 20, 126, 132]).all()
    frame = np.zeros((200, 200, 3), np.uint8)
    frame[20:132, 14:126] = 255
    cut = face_crops.cut(frame, squares[0], 112)
    assert (cut == 255).all()
    outside = face_crops.cut(frame, (-50, -50, 50, 50), 50)
    assert (outside[:24, :24] == 110).all() and (outside[30, 30] == 0).all()
    wide = face_crops.cut(frame, squares[0], 140, margin=1.25)
    assert (wide[14:126, 14:126] == 255).all() and (wide[:14] == 0).all()


@needs_ffmpeg
def test_sound_and_pictures_are_on_one_clock(tmp_path):
    path = str(tmp_path / "a.mkv")
    subprocess.run(["ffmpeg", "-v", "error", "-f", "lavfi", "-i",
                    "color=black:s=64x48:r=25:d=1,drawbox=c=red:t=fill:enable='eq(n,10)'",
                    "-itsoffset", "0.2", "-f", "lavfi", "-i",
                    "aevalsrc='0.9*between(t,0.2,0.24)':s=16000:d=0.7", "-c:v", "ffv1", "-c:a",
                    "pcm_s16le", path], check=True)
    frames, samples = face_crops.decode(path)
    red = [i for i, f in enumerate(frames) if f[..., 2].mean() > 200]
    assert len(frames) == 25 and frames[0].shape == (48, 64, 3) and red == [10]
    assert frames[10][..., 0].mean() < 30  # BGR
    loud = np.flatnonzero(samples > 10000)
    assert abs(loud[0] / 16000 - 0.4) < 0.002 and abs(loud[-1] / 16000 - 0.44) < 0.002
    assert len(face_crops.part_of(samples, 0.5, 20000)) == 20000


def test_speech_is_where_the_words_are_or_the_sound():
    power = np.full((40, 4 * 50 + 2), 1.0)
    power[:, 4 * 20 + 1:4 * 30 + 1] = 1e6
    assert spoken(None, power) == (20, 30)
    assert spoken([(0.5, 0.7, "a"), (0.9, 1.01, "b")], power) == (12, 26)


def test_windows_begin_where_the_frames_do(work):
    clip = Clip(work, "a-1")
    batches = sync_batches.Batches([[clip]], 64, 1)
    windows = batches.log_mel(clip, 9)
    mel = normalized_log(clip.power)
    assert windows.shape == (42, 40, 20)
    for i in (0, 5, 41):
        t = 9 - 5 + i
        assert np.allclose(windows[i].numpy(), mel[:, 4 * t:4 * t + 20], atol=1e-5)


def test_pictures_are_cut_where_the_clip_says(work):
    write_clip(work, "b-1", 46, [8, 40], crop=(70, 86, 128))
    for name, x, y in (("a-1", 16, 16), ("b-1", 6, 22)):
        clip = Clip(work, name)
        stored = clip.pictures(3, 36)
        crops = sync_batches.Batches([[clip]], 128, 1).crop(clip, 3).float().numpy()
        wanted = stored[:, y:y + 128, x:x + 128].transpose(0, 3, 1, 2)
        assert np.array_equal(crops, wanted)


def test_parts_have_speech_and_sound_around_them(work):
    rng = np.random.default_rng(0)
    for clip in load_clips(work):
        for _ in range(50):
            start = sync_batches.choose_start(rng, clip)
            assert sync_batches.REACH <= start <= clip.frames - 36 - sync_batches.REACH


def test_batches_follow_from_the_seed_and_the_step(work):
    clips = load_clips(work)
    one, two = (sync_batches.Batches([clips], 64, seed=3) for _ in range(2))
    two.draw(0, 2)
    for a, b in zip(one.draw(5, 2)[:2], two.draw(5, 2)[:2]):
        assert torch.equal(a, b)
    assert not torch.equal(one.draw(5, 2)[0], one.draw(6, 2)[0])


# ---- training

def train(work, out, *options):
    return train_sync.main(["train", "--work", work, "--out", str(out), "--steps", "2", "2", "2",
                            "--batch", "2", "--threads", "1", "--every", "3", "--config",
                            json.dumps(NARROW), *options])


def test_a_run_that_was_stopped_goes_on_as_if_it_had_not_been(work, tmp_path):
    assert train(work, tmp_path / "one") == 0
    assert train(work, tmp_path / "two", "--limit", "3") == 130
    assert not (tmp_path / "two" / "sync_e2e.pt").exists()
    assert train(work, tmp_path / "two") == 0
    one, two = (torch.load(tmp_path / run / "state.pt") for run in ("one", "two"))
    assert one["step"] == two["step"] == 6
    for name, tensor in one["model"].items():
        assert torch.equal(tensor, two["model"][name]), name
    for stage in ("cls", "e2e"):
        state = torch.load(tmp_path / "two" / f"sync_{stage}.pt")
        SyncE2E([4] * 6, [4] * 6, [8, 8], 64, matrix=16, cls=[4] * 3).load_state_dict(state)
    cls, e2e = (torch.load(tmp_path / "two" / f"sync_{stage}.pt") for stage in ("cls", "e2e"))
    name = "netcnnlip.0.weight"
    assert not torch.equal(cls[name], e2e[name])  # the streams are trained along
    assert len((tmp_path / "two" / "log.tsv").read_text().splitlines()) == 5


def test_other_options_do_not_go_on(work, tmp_path):
    assert train(work, tmp_path / "one", "--limit", "1") == 130
    with pytest.raises(SystemExit, match="other options"):
        train(work, tmp_path / "one", "--seed", "9")


def test_no_clips_are_an_error(tmp_path, capsys):
    (tmp_path / "work").mkdir()
    assert train(str(tmp_path / "work"), tmp_path / "out") == 1
    assert "no clips" in capsys.readouterr().err


@needs_ffmpeg
def test_a_real_clip_is_prepared(tmp_path):
    path = os.path.join(SHARED, "clips", "grid", "s1_bbaf2n.mpg")
    if not os.path.exists(path) or not os.path.exists(PROGRAM):
        pytest.skip("no ../shared or no program")
    assert prepare((PROGRAM, path, [(0.95, 2.1, "bin")], str(tmp_path / "a"))) is None
    clip = Clip(str(tmp_path), "a")
    assert (clip.frames, clip.first, clip.last) == (75, 23, 53)
    assert clip.power.shape == (40, 302) and clip.pictures(70, 5).shape == (5, 160, 160, 3)
    assert prepare((PROGRAM, os.path.join(TOOLS, "convert.py"), None, str(tmp_path / "b")))
