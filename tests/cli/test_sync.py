"""viseme sync, score, speakers: with networks made by hand the offset is known, so the sign, the
clock of every container and the repair are proven without training."""
import json
import os
import shutil
import subprocess

import numpy as np
import pytest

import media
import pictures
import sync_media
from conftest import ROOT, SMALL

GREY = 204.0  # what the hand-made lip stream gives for the drawn face at mean light
NTSC = "30000/1001"


@pytest.fixture(scope="session")
def net(tmp_path_factory):
    return sync_media.by_hand(tmp_path_factory.mktemp("net") / "sync.safetensors", GREY)


@pytest.fixture(scope="session")
def clip(tmp_path_factory, has_video, cascade):
    """Makes a clip whose sound is shift_ms early: clip("name.mp4", fps="25", shift_ms=80)."""
    if not shutil.which("ffmpeg"):
        pytest.skip("the ffmpeg program is not installed")
    folder = tmp_path_factory.mktemp("sync")
    times = sync_media.bursts()
    sound, made = sync_media.sound(times), {}

    def call(name, fps="25", shift_ms=0):
        if (name, fps, shift_ms) not in made:
            rate = 30000 / 1001 if fps == NTSC else float(fps)
            path = folder / f"{len(made)}-{name}"
            made[name, fps, shift_ms] = sync_media.write_clip(
                path, sync_media.frames(times, rate), sound, fps, shift_ms)
        return made[name, fps, shift_ms]

    return call


def packets(path, kind):
    run = subprocess.run(["ffprobe", "-v", "error", "-select_streams", kind, "-show_packets",
                          "-show_data_hash", "md5", "-of", "json", path], check=True,
                         stdout=subprocess.PIPE)
    return [(float(p.get("pts_time", "nan")), p["data_hash"])
            for p in json.loads(run.stdout)["packets"]]


# ---- The sign ------------------------------------------------------------------------------------

SHIFTS = [("mp4", "25", 80), ("mp4", "25", -400), ("mp4", NTSC, 400), ("mp4", NTSC, -130),
          ("mkv", "25", -80), ("mkv", NTSC, 230), ("mov", "25", 120), ("mov", NTSC, -240),
          ("mpg", "25", 310), ("mpg", "25", -200), ("mpg", NTSC, -40), ("mkv", "24", 160)]


@pytest.mark.parametrize("ending,fps,shift", SHIFTS[4:5] if SMALL else SHIFTS)
def test_every_shift_is_found_and_repaired(viseme, net, clip, tmp_path, ending, fps, shift):
    own = viseme("sync", "-m", net, "--json", clip("x." + ending, fps)).json()
    assert own["status"] == "ok" and abs(own["offset_ms"]) <= 25
    out = str(tmp_path / ("fixed." + ending))
    result = viseme("sync", "-m", net, "--json", clip("x." + ending, fps, shift), "--fix",
                    out).json()
    moved = result["offset_ms"] - own["offset_ms"]
    assert abs(moved - shift) <= 20
    if shift % 40 == 0:
        assert result["offset_frames"] - own["offset_frames"] == shift // 40
    assert abs(result["fix"]["after_ms"] - own["offset_ms"]) <= 20
    assert abs(result["fix"]["shift_ms"] - result["offset_ms"]) < 1e-9


def test_the_words_say_the_sign(viseme, net, clip):
    early = viseme("sync", "-m", net, clip("x.mp4", "25", 80))
    late = viseme("sync", "-m", net, clip("x.mkv", "25", -80))
    assert early.code == late.code == 0
    assert "audio is early by" in early.out and "(+2 frames at 25 fps)" in early.out
    assert "audio is late by" in late.out and "(-2 frames at 25 fps)" in late.out
    assert ": FAIL bt1359" in early.out and ": PASS bt1359" in late.out  # 45 early, 125 late
    assert ": FAIL r37" in viseme("sync", "-m", net, "--standard", "r37",
                                  clip("x.mkv", "25", -80)).out


def test_the_gate(viseme, net, clip):
    path = clip("x.mp4", "25", 80)
    assert viseme("sync", "-m", net, "--fail-above", "60", path).code == 8
    assert viseme("sync", "-m", net, "--fail-above", "100", path).code == 0


@pytest.mark.skipif(SMALL, reason="slow with sanitizers, and the same code as in others")
def test_methods_agree(viseme, net, clip):
    result = viseme("sync", "-m", net, "--json", "--method", "all", clip("x.mp4", "25", 80)).json()
    assert set(result["methods"]) == {"syncnet", "diag", "baseline"}  # no classifier in there
    assert result["method"] == "diag"
    for name, one in result["methods"].items():
        assert one["method"] == name and one["offset_frames"] == 2
    viseme("sync", "-m", net, "--method", "e2e", clip("x.mp4", "25", 80)).error(2, "no classifier")
    viseme("sync", "-m", net, "--method", "cls", clip("x.mp4", "25", 80)).error(2, "--classifier")


def test_an_offset_beyond_the_range_is_unknown(viseme, net, clip):
    result = viseme("sync", "-m", net, "--json", "--range", "200", clip("x.mp4", NTSC, 400))
    assert result.json()["status"] == "unknown" and result.json()["offset_ms"] is None
    assert viseme("sync", "-m", net, "--range", "200", "--fail-above", "900",
                  clip("x.mp4", NTSC, 400)).code == 8


# ---- The repaired file ---------------------------------------------------------------------------

@pytest.mark.parametrize("ending,shift",
                         [("mp4", 80), ("mkv", -80), ("mpg", -200)][:1 if SMALL else 3])
def test_packets_are_copied(viseme, net, clip, tmp_path, ending, shift):
    source, out = clip("x." + ending, "25", shift), str(tmp_path / ("o." + ending))
    done = viseme("sync", "-m", net, "--json", source, "--fix", out)
    delay = done.json()["fix"]["shift_ms"] / 1000
    old, new = packets(source, "v"), packets(out, "v")
    assert [h for _, h in old] == [h for _, h in new]
    start = new[0][0] - old[0][0]  # of a program stream, which never begins at 0
    assert np.nanmax([abs(b - a - start) for (a, _), (b, _) in zip(old, new)]) < 1e-3
    old, new = packets(source, "a"), packets(out, "a")
    cut = len(old) - len(new)  # sound before the beginning
    assert (cut == 0) if delay > 0 else (0 < cut <= 12)
    assert [h for _, h in old[cut:]] == [h for _, h in new]
    assert np.nanmax([abs(b - a - start - delay)
                      for (a, _), (b, _) in zip(old[cut:], new)]) < 2e-3


@pytest.mark.skipif(SMALL, reason="slow with sanitizers, and the same code as in others")
@pytest.mark.parametrize("codecs", [("mpeg4", "libmp3lame"), ("mjpeg", "pcm_s16le")])
def test_avi_becomes_another_container(viseme, net, clip, tmp_path, codecs):
    source, out = str(tmp_path / "i.avi"), str(tmp_path / "o.mkv")
    subprocess.run(["ffmpeg", "-v", "error", "-i", clip("x.mp4", "25", -80), "-c:v", codecs[0],
                    "-q:v", "3", "-c:a", codecs[1], source], check=True, stdin=subprocess.DEVNULL)
    done = viseme("sync", "-m", net, "--json", source, "--fix", out).json()["fix"]
    assert abs(done["before_ms"] + 80) <= 30 and abs(done["after_ms"]) <= 20
    assert {h for _, h in packets(out, "v")} == {h for _, h in packets(source, "v")}


def test_what_else_is_in_the_file_goes_along(viseme, net, clip, tmp_path):
    (tmp_path / "in").mkdir()
    subs, marks = tmp_path / "in" / "s.srt", tmp_path / "in" / "m.txt"
    subs.write_text("1\n00:00:01,000 --> 00:00:02,000\nhello\n")
    marks.write_text(";FFMETADATA1\ntitle=A title\n[CHAPTER]\nTIMEBASE=1/1000\nSTART=0\nEND=2000\n"
                     "title=One\n")
    source, out = str(tmp_path / "in" / "all.mkv"), str(tmp_path / "o.mkv")
    subprocess.run(["ffmpeg", "-v", "error", "-i", clip("x.mkv", "25", -80), "-i", str(subs), "-i",
                    str(marks), "-map", "0:v", "-map", "0:a", "-map", "0:a", "-map", "1",
                    "-map_metadata", "2", "-map_chapters", "2", "-c", "copy", "-c:s", "srt",
                    "-metadata:s:a:1", "language=fra", "-attach", str(subs), "-metadata:s:t",
                    "mimetype=text/plain", source], check=True, stdin=subprocess.DEVNULL)
    done = viseme("sync", "-m", net, "--json", source, "--fix", out).json()
    delay = done["fix"]["shift_ms"] / 1000

    def probe(path):
        run = subprocess.run(["ffprobe", "-v", "error", "-show_streams", "-show_chapters",
                              "-show_format", "-of", "json", path], check=True,
                             stdout=subprocess.PIPE)
        facts = json.loads(run.stdout)
        return ([(s["codec_type"], s["codec_name"] if "codec_name" in s else None,
                  s.get("tags", {}).get("language")) for s in facts["streams"]],
                [(c["start_time"], c["end_time"], c["tags"]["title"]) for c in facts["chapters"]],
                facts["format"]["tags"]["title"])

    assert probe(out) == probe(source)
    assert packets(out, "s") == packets(source, "s")  # at their old times
    for stream in ("a:0", "a:1"):
        old, new = packets(source, stream), packets(out, stream)
        assert abs(new[-1][0] - old[-1][0] - delay) < 2e-3


def test_nothing_is_overwritten_or_left_behind(viseme, net, clip, tmp_path):
    path = clip("x.mp4", "25", 80)
    before = open(path, "rb").read()
    viseme("sync", "-m", net, path, "--fix", path).error(2, "input itself")
    viseme("sync", "-m", net, path, "--fix", tmp_path / "no" / "o.mp4").error(1, "folder")
    viseme("sync", "-m", net, path, "--fix", tmp_path / "o.avi").error(2, "AVI")
    viseme("sync", "-m", net, path, "--fix", tmp_path / "o.webm").error(2, "webm")
    viseme("sync", "-m", net, path, path, "--fix", tmp_path / "o.mp4").error(2, "one input")
    viseme("sync", "-m", net, path, "--fix", "-").error(2, "--fix")
    viseme("sync", "-m", net, path, "--ss", "1", "--fix", tmp_path / "o.mp4").error(2, "--ss")
    assert open(path, "rb").read() == before and os.listdir(tmp_path) == []


# ---- Drift ---------------------------------------------------------------------------------------

LONG = 27.0  # seconds: enough windows of 3 s for a drift
DRIFTS = [("mp4", 1.004, 120), ("mpg", 0.997, -60)]


@pytest.fixture(scope="session")
def drifting(tmp_path_factory, clip):
    """Makes a clip whose sound is `longer` times as long as it should be."""
    folder = tmp_path_factory.mktemp("drift")
    times = sync_media.bursts(seconds=LONG)
    video = sync_media.frames(times, 25, seconds=LONG)
    sound = sync_media.sound(times, seconds=LONG)

    def call(ending, longer, shift):
        path = folder / f"{longer}{shift}.{ending}"
        return sync_media.write_clip(path, video, sound, "25", shift, longer)

    return call


@pytest.mark.parametrize("ending,longer,shift", DRIFTS[:1] if SMALL else DRIFTS)
def test_a_drift_is_found_and_repaired(viseme, net, drifting, tmp_path, ending, longer, shift):
    source, out = drifting(ending, longer, shift), str(tmp_path / ("o." + ending))
    result = viseme("sync", "-m", net, "--json", "--window", 3, source, "--fix", out,
                    "--fix-drift")
    assert result.code == 0, result.err
    done = result.json()["fix"]
    assert abs(done["drift_before_ms_per_min"] - 60000 * (1 - longer)) <= 25
    assert abs(done["drift_after_ms_per_min"]) <= 15
    assert abs(done["stretch"] - 1 / longer) < 5e-4
    assert done["status"] == "ok" and abs(done["after_ms"]) <= 20
    old, new = packets(source, "v"), packets(out, "v")
    assert [h for _, h in old] == [h for _, h in new]
    start = new[0][0] - old[0][0]
    assert np.nanmax([abs(b - a - start) for (a, _), (b, _) in zip(old, new)]) < 1e-3
    old, new = (media.stream(path, "a") for path in (source, out))
    for key in ("codec_name", "sample_rate", "channels"):
        assert old[key] == new[key]


def test_without_a_drift_sound_is_copied(viseme, net, clip, tmp_path):
    source, out = clip("x.mp4", "25", 80), str(tmp_path / "o.mp4")
    result = viseme("sync", "-m", net, source, "--fix", out, "--fix-drift")
    assert result.code == 0 and "shifted only" in result.err
    assert {h for _, h in packets(out, "a")} <= {h for _, h in packets(source, "a")}
    viseme("sync", "-m", net, source, "--fix-drift").error(2, "--fix OUT")


# ---- Unknown -------------------------------------------------------------------------------------

def test_without_face_sound_or_speech(viseme, net, make_video, walls, faces, clip):
    tone = ["-f", "lavfi", "-i", "sine=440:d=0.5"]
    still = ["-framerate", 25, "-i"]
    nobody = make_video("walls.mp4", *still, walls + "/%03d.png", *tone, "-shortest")
    silent = make_video("silent.mp4", *still, faces + "/%03d.png", "-f", "lavfi", "-i",
                        "anullsrc=r=16000", "-shortest")
    mute = make_video("mute.mp4", *still, faces + "/%03d.png")
    result = viseme("sync", "-m", net, "--json", nobody)
    assert result.code == 4 and result.json()["reason"] == "no face"
    result = viseme("sync", "-m", net, "--json", silent)
    assert result.code == 5 and result.json()["reason"] == "no speech"
    viseme("sync", "-m", net, mute).error(5, "sound")
    result = viseme("sync", "-m", net, silent, nobody)
    assert result.out.count("unknown") == 2 and result.code == 5
    result = viseme("sync", "-m", net, mute, clip("x.mp4", "25", 80))
    assert result.code == 9 and "early by" in result.out


@pytest.mark.skipif(SMALL, reason="slow with sanitizers, and the same code as in others")
def test_a_face_that_has_nothing_to_do_with_the_sound(viseme, net, tmp_path, clip):
    times = sync_media.bursts(seed=8)
    path = sync_media.write_clip(tmp_path / "other.mp4",
                                 sync_media.frames(sync_media.bursts(seed=21), 25),
                                 sync_media.sound(times))
    still = sync_media.write_clip(tmp_path / "still.mp4", np.repeat(pictures.face()[None], 150, 0),
                                  sync_media.sound(times))
    for one in (path, still):
        assert viseme("sync", "-m", net, "--json", one).json()["status"] == "unknown"


def test_short_clips(viseme, net, clip, tmp_path):
    whole = clip("x.mp4", "25", 80)
    for seconds, status in ((0.2, "unknown"), (1.2, "ok")):
        result = viseme("sync", "-m", net, "--json", "--to", str(1 + seconds), "--ss", "1", whole)
        assert result.json()["status"] in (status, "unknown")
    result = viseme("sync", "-m", net, "--json", "--ss", "1", "--to", "1.6", whole).json()
    assert result["range_limited_by"] == "length" and result["range_ms"] < 600


# ---- The other commands --------------------------------------------------------------------------

def test_two_faces_one_speaks(viseme, net, tmp_path, clip):
    times = sync_media.bursts()
    left = sync_media.frames(times, 25, pictures.face(size=200, width=300))
    right = sync_media.frames(sync_media.bursts(seed=9), 25, pictures.face(size=200, width=300))
    # What stays the same beside them, or the lights would look like cuts.
    squares = np.kron(np.indices((6, 3)).sum(0) % 2 * 255, np.ones((48, 40))).astype(np.uint8)
    wall = np.broadcast_to(squares[None, :, :, None], (len(left), 288, 120, 3))
    both = np.concatenate([wall, left, wall, right, wall], axis=2)
    path = sync_media.write_clip(tmp_path / "two.mp4", both, sync_media.sound(times))
    result = viseme("speakers", "-m", net, "--json", path).json()
    faces = sorted(result["faces"], key=lambda f: f["box"]["x_px"])
    assert len(faces) == 2
    assert faces[0]["status"] == "ok" and abs(faces[0]["offset_ms"]) <= 30
    assert faces[1]["status"] == "unknown"
    assert faces[0]["speaking_s"] > 0.5 and faces[1]["speaking_s"] == 0
    loud = sum(min(b, s["end_s"]) - max(a, s["start_s"]) for a, b in times
               for s in faces[0]["speaking"] if min(b, s["end_s"]) > max(a, s["start_s"]))
    assert loud > 0.75 * sum(b - a for a, b in times)
    whole = viseme("sync", "-m", net, "--json", path).json()
    assert whole["status"] == "ok" and abs(whole["offset_ms"]) <= 30 and whole["faces"] == 2
    table = viseme("speakers", "-m", net, path)
    assert table.code == 0 and table.out.startswith("face shot") and "speaks" in table.out


def test_scores(viseme, net, clip):
    good, late = clip("x.mp4"), clip("x.mkv", "25", -80)
    result = viseme("score", "-m", net, "--json", good, late)
    rows = [json.loads(line) for line in result.out.splitlines()]
    assert [r.get("type") for r in rows] == [None, None, "mean"]
    assert rows[2]["inputs"] == 2
    for key in ("lse_d", "lse_c"):
        assert abs(rows[2][key] - (rows[0][key] + rows[1][key]) / 2) < 1e-9
    assert abs(rows[0]["lse_d"] - rows[1]["lse_d"]) < 0.2  # a shift does not change the score
    line = viseme("score", "-m", net, "--tracks", good).out.splitlines()
    assert line[0].startswith("LSE-D ") and "  LSE-C " in line[0] and "face 1" in line[1]


@pytest.mark.skipif(SMALL, reason="slow with sanitizers, and the same code as in others")
def test_any_number_of_threads_is_the_same(viseme, net, clip):
    def tell(n):
        result = viseme("sync", "-m", net, "--json", "-t", n, clip("x.mp4", "25", 80)).json()
        result.pop("stages")
        return result
    assert tell(1) == tell(3)


def test_plot(viseme, net, clip, tmp_path):
    out = tmp_path / "p.png"
    result = viseme("sync", "-m", net, clip("x.mp4", "25", 80), "--plot", out)
    if "cairo" in result.err:
        pytest.skip("built without cairo")
    picture = pictures.read_png(str(out))
    assert picture.shape == (1240, 1500, 3) and picture.std() > 20


# ---- Real voices, with the weights that come with viseme ---------------------------------------

WEIGHTS = os.path.join(ROOT, "weights", "sync.safetensors")
REAL = ["s1_bbaf2n", "s1_lgbs6n", "s1_swao7a"]
REAL_SHIFTS = [("mp4", None, -400), ("mkv", NTSC, -160), ("mov", None, 70), ("mpg", None, 240),
               ("mp4", NTSC, 400), ("mpg", NTSC, -90)]


@pytest.fixture(scope="session")
def real(tmp_path_factory, clips, has_video, cascade):
    """Three clips of one person behind each other, about 9 s, its sound shifted."""
    if not os.path.exists(WEIGHTS):
        pytest.skip("weights/sync.safetensors is not there")
    folder = tmp_path_factory.mktemp("real")
    made = {}

    def call(ending, fps, shift):
        key = (ending, fps, shift)
        if key in made:
            return made[key]
        inputs = [x for name in REAL for x in ("-i", os.path.join(clips, name + ".mpg"))]
        joined = "".join(f"[{i}:v][{i}:a]" for i in range(len(REAL)))
        move = (f"adelay={-shift}:all=1" if shift < 0 else
                f"atrim=start={shift / 1000},asetpts=PTS-STARTPTS")
        codecs = (["-c:v", "mpeg2video", "-q:v", "2", "-c:a", "mp2"] if ending == "mpg" else
                  ["-c:v", "libx264", "-preset", "ultrafast", "-crf", "16", "-c:a", "aac"])
        made[key] = str(folder / f"{len(made)}.{ending}")
        subprocess.run(["ffmpeg", "-v", "error", "-y", *inputs, "-filter_complex",
                        f"{joined}concat=n={len(REAL)}:v=1:a=1[v][a];[a]{move}[s]", "-map", "[v]",
                        "-map", "[s]", *(["-r", fps] if fps else []), *codecs, made[key]],
                       check=True, stdin=subprocess.DEVNULL)
        return made[key]

    return call


@pytest.mark.skipif(SMALL, reason="slow with sanitizers, and the same code as in others")
@pytest.mark.parametrize("ending,fps,shift", REAL_SHIFTS)
def test_real_clips_are_measured_and_repaired(viseme, real, tmp_path, ending, fps, shift):
    own = viseme("sync", "-m", WEIGHTS, "--json", real(ending, fps, 0)).json()
    out = tmp_path / ("fixed." + ending)
    moved = viseme("sync", "-m", WEIGHTS, "--json", real(ending, fps, shift), "--fix", out).json()
    assert own["status"] == moved["status"] == "ok"
    if shift % 40 == 0:
        assert moved["offset_frames"] - own["offset_frames"] == shift // 40
    assert abs(moved["offset_ms"] - own["offset_ms"] - shift) <= 20
    assert abs(moved["fix"]["after_ms"] - own["offset_ms"]) <= 20
