"""Videos as people have them: turned, squeezed, interlaced, of any rate and kind of pixel, with odd
names and broken sound; and parts of them."""
import json
import os
import struct
import subprocess

import numpy as np
import pytest

import pictures
from conftest import SMALL, strict

LOSSLESS = ["-c:v", "libx264", "-qp", "0", "-preset", "ultrafast", "-pix_fmt", "yuv420p"]


def face_rows(result):
    """Rows of `face --json`: crops, summary."""
    assert result.code == 0, result.err
    rows = [strict(line) for line in result.out.splitlines()]
    return rows[:-1], rows[-1]


def boxes(rows):
    return np.array([[r["box"][k] for k in ("x_px", "y_px", "width_px", "height_px")]
                     + [r["mouth"]["x_px"], r["mouth"]["y_px"]] for r in rows])


@pytest.fixture(scope="module")
def plain(make_video, faces):
    """The drawn face, without loss."""
    return make_video("plain.mp4", "-framerate", 25, "-i", faces + "/%03d.png", *LOSSLESS)


@pytest.fixture(scope="module")
def plain_boxes(plain):
    return boxes(face_rows(run_face(plain))[0])


def run_face(path, *options):
    from conftest import PROGRAM, Result, environment
    return Result(subprocess.run([PROGRAM, "face", path, "--json", *map(str, options)],
                                 env=environment(), stdin=subprocess.DEVNULL,
                                 stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=240))


def set_matrix(path, a, b, c, d):
    """Writes a display matrix into the track header of an MP4."""
    data = bytearray(open(path, "rb").read())
    at = data.index(b"tkhd")
    struct.pack_into(">2i", data, at + 44, a, b)
    struct.pack_into(">2i", data, at + 56, c, d)
    open(path, "wb").write(data)


# How the picture is stored, and the matrix that makes it upright.
TURNS = {
    "90": ("transpose=cclock", (0, 1, -1, 0), 90, False),
    "180": ("hflip,vflip", (-1, 0, 0, -1), 180, False),
    "270": ("transpose=clock", (0, -1, 1, 0), 270, False),
    "mirrored": ("hflip", (-1, 0, 0, 1), 0, True),
    "upside down": ("vflip", (1, 0, 0, -1), 180, True),
    "transposed": ("transpose=cclock_flip", (0, 1, 1, 0), 90, True),
}


@pytest.mark.parametrize("turn", list(TURNS)[:2] if SMALL else TURNS)
def test_turned(viseme, make_video, plain, plain_boxes, weights, text, turn):
    """A video that lies on its side gives the boxes and the text of the upright one."""
    stored, matrix, degrees, mirrored = TURNS[turn]
    path = make_video(f"turned {turn}.mp4", "-i", plain, "-vf", stored, *LOSSLESS)
    set_matrix(path, *(65536 * x for x in matrix))
    rows, summary = face_rows(viseme("face", path, "--json"))
    assert abs(boxes(rows) - plain_boxes).max() < 1
    video = summary["video"]
    assert (video["rotation_deg"], video["mirrored"]) == (degrees, mirrored)
    assert (video["width_px"], video["height_px"]) == (360, 288)
    assert viseme("read", "-m", weights, path).out == viseme("read", "-m", weights, plain).out
    found = viseme("face", path, "--json", "--no-autorotate")
    if turn in ("90", "180", "270"):
        found.error(4, "face")  # nobody looks for faces that lie or stand on their heads
        assert viseme("read", "-m", weights, path, "--no-autorotate").code == 4


def test_other_angle(viseme, make_video, plain, weights):
    """45 degrees cannot be undone: said, and left."""
    path = make_video("tilted.mp4", "-i", plain, "-c", "copy")
    set_matrix(path, 46341, 46341, -46341, 46341)
    result = viseme("read", "-m", weights, path, "--json")
    assert result.code == 0 and "no quarter turn" in result.err and path in result.err
    assert result.json()["video"]["rotation_ignored"] is True
    assert viseme("read", "-m", weights, path, "-q").err == ""


def test_pixels_that_are_not_square(viseme, make_video, plain, plain_boxes):
    """Squeezed to half the width, as some cameras store it: the same boxes in what is shown."""
    path = make_video("squeezed.mp4", "-i", plain, "-vf", "scale=180:288,setsar=2", *LOSSLESS)
    rows, summary = face_rows(viseme("face", path, "--json"))
    assert summary["video"]["pixel_aspect"] == 2 and summary["video"]["width_px"] == 360
    assert abs(boxes(rows) - plain_boxes).max() < 6


def test_interlaced(viseme, make_video, plain, plain_boxes):
    path = make_video("fields.ts", "-i", plain, "-vf", "setfield=tff", "-c:v", "mpeg2video",
                      "-qscale:v", 2, "-flags", "+ildct+ilme")
    rows, summary = face_rows(viseme("face", path, "--json"))
    assert summary["video"]["interlaced"] is True
    assert abs(boxes(rows) - plain_boxes).max() < 6


def test_fields_of_different_times(viseme, make_video, tmp_path):
    """A face in one field and stripes in the other, woven: only the former is used."""
    woven = pictures.face()
    woven[1::2, ::2] = 255
    woven[1::2, 1::2] = 0
    for i in range(6):
        pictures.write_png(tmp_path / f"{i}.png", woven)
    path = make_video("woven.mkv", "-framerate", 25, "-i", tmp_path / "%d.png", "-vf",
                      "setfield=tff", "-c:v", "ffv1", "-pix_fmt", "yuv444p", "-field_order", "tt")
    assert viseme("face", path, "--draw", "drawn").code == 0
    shown = pictures.read_png(tmp_path / "drawn" / "000003.png").astype(int)
    assert np.median(abs(shown - pictures.face())) <= 2
    assert np.percentile(abs(shown - pictures.face()), 90) <= 6


KINDS = {
    "odd size": (["-vf", "crop=359:287:0:0:exact=1", "-c:v", "ffv1"], "mkv"),
    "10 bit": (["-c:v", "libx264", "-qp", "1", "-pix_fmt", "yuv422p10le"], "mkv"),
    "12 bit": (["-c:v", "ffv1", "-pix_fmt", "yuv444p12le"], "mkv"),
    "alpha": (["-c:v", "ffv1", "-pix_fmt", "yuva420p"], "mkv"),
    "rgba": (["-c:v", "qtrle", "-pix_fmt", "argb"], "mov"),
    "grey": (["-c:v", "ffv1", "-pix_fmt", "gray"], "mkv"),
    "webm": (["-c:v", "libvpx", "-b:v", "2M"], "webm"),
    "gif": ([], "gif"),
}


@pytest.mark.parametrize("kind", list(KINDS)[:2] if SMALL else KINDS)
def test_kinds_of_pixels(viseme, make_video, plain, plain_boxes, kind):
    options, ending = KINDS[kind]
    path = make_video(f"{kind}.{ending}", "-i", plain, *options)
    rows, summary = face_rows(viseme("face", path, "--json"))
    assert len(rows) == 12 and summary["crops_held"] == 0
    assert abs(boxes(rows) - plain_boxes).max() < 8


# ---- Time ------------------------------------------------------------------------------------

@pytest.fixture(scope="module")
def half_minute(tmp_path_factory, faces):
    """A pattern of three seconds of drawn faces at any rate."""
    folder = tmp_path_factory.mktemp("long")
    for i in range(180):
        os.symlink(f"{faces}/{i % 12:03d}.png", folder / f"{i:03d}.png")
    return folder


@pytest.mark.parametrize("rate, frames", [
    ("30000/1001", 90), ("24000/1001", 72), ("60", 180), ("12.5", 30), ("25", 74), ("25", 12),
    ("25", 1), ("50", 7)])
def test_rates(viseme, make_video, half_minute, rate, frames):
    """One crop for every 1/25 s from the first frame to the last, at the right times."""
    path = make_video(f"rate {rate.replace('/', '_')} {frames}.mp4", "-framerate", rate, "-i",
                      half_minute / "%03d.png", "-frames:v", frames, *LOSSLESS)
    rows, summary = face_rows(viseme("face", path, "--json"))
    last = (frames - 1) / (eval(rate))
    assert summary["frames"] == frames
    assert len(rows) == summary["crops"] == int(last * 25 + 0.25 + 1e-9) + 1
    assert [r["time_s"] for r in rows] == pytest.approx([i / 25 for i in range(len(rows))])
    assert summary["video"]["frame_rate"] == pytest.approx(eval(rate), rel=1e-3)


def test_variable_rate(viseme, make_video, half_minute, weights):
    """50 frames a second, then one a quarter of a second: time is what the stamps say."""
    path = make_video("variable.mkv", "-framerate", 50, "-i", half_minute / "%03d.png", "-vf",
                      r"select='lt(n\,50)+not(mod(n-50\,12))'", "-vsync", "vfr", "-frames:v", 58,
                      *LOSSLESS)
    rows, summary = face_rows(viseme("face", path, "--json"))
    # The last frame is at (50 + 7 * 12) / 50 s.
    assert summary["frames"] == 58 and len(rows) == int(134 / 50 * 25 + 0.25) + 1
    found = viseme("read", "-m", weights, path, "--json").json()
    assert found["crops"] == len(rows) and found["duration_s"] == pytest.approx(len(rows) / 25)


def test_late_video(viseme, make_video, plain, weights):
    """Sound first, pictures later: times count from the start of the file."""
    path = make_video("late.mkv", "-f", "lavfi", "-i", "sine=d=1", "-itsoffset", 0.4, "-i", plain,
                      "-map", 0, "-map", 1, "-c:v", "copy", "-c:a", "pcm_s16le")
    rows, summary = face_rows(viseme("face", path, "--json"))
    assert rows[0]["time_s"] == pytest.approx(0.4) and summary["start_s"] == pytest.approx(0.4)
    found = viseme("read", "-m", weights, path, "--json", "--words").json()
    assert found["start_s"] == pytest.approx(0.4)
    assert all(0.4 <= w["start_s"] < w["end_s"] <= 0.4 + 12 / 25 + 1e-9
               for w in found["hypotheses"][0]["words"])


@pytest.fixture(scope="module")
def gap_video(make_video, faces, walls, tmp_path_factory):
    """Six seconds: faces, a wall from 2 s to 3 s, faces."""
    folder = tmp_path_factory.mktemp("gap")
    for i in range(150):
        source = walls if 50 <= i < 75 else faces
        os.symlink(f"{source}/{i % 12:03d}.png", folder / f"{i:03d}.png")
    return make_video("gap.mkv", "-framerate", 25, "-i", folder / "%03d.png", "-g", 10, *LOSSLESS)


def test_part(viseme, gap_video, weights, tmp_path):
    """--ss and --to give the frames of that part, by the file's own times."""
    rows, summary = face_rows(viseme("face", gap_video, "--json", "--ss", "4.8", "--to", "00:05.6"))
    assert [r["time_s"] for r in rows] == pytest.approx([4.8 + i / 25 for i in range(20)])
    assert (summary["from_s"], summary["to_s"], summary["frames"]) == (4.8, 5.6, 20)
    # A gap keeps its place in the file.
    _, summary = face_rows(viseme("face", gap_video, "--json", "--ss", 1, "--to", 4))
    assert len(summary["gaps"]) == 1
    gap = summary["gaps"][0]
    assert abs(gap["start_s"] - 2) < 0.2 and abs(gap["end_s"] - 3) < 0.25
    found = viseme("read", "-m", weights, gap_video, "--ss", 1, "--to", 4, "--json", "-q").json()
    assert found["gaps"] == summary["gaps"] and found["start_s"] == 1
    assert (found["frames"], found["from_s"], found["to_s"]) == (75, 1, 4)


def test_part_reads_as_a_cut_file(viseme, make_video, gap_video, weights):
    """The same text as of a file that holds that part and nothing else."""
    cut = make_video("cut.mkv", "-i", gap_video, "-vf", "trim=4.8:5.8,setpts=PTS-STARTPTS",
                     *LOSSLESS)
    whole = viseme("read", "-m", weights, cut, "--json").json()
    part = viseme("read", "-m", weights, gap_video, "--ss", "0:00:04.8", "--to", "5.8",
                  "--json", "--words").json()
    assert part["text"] == whole["text"] and part["crops"] == whole["crops"] == 25
    assert all(4.8 <= w["start_s"] < w["end_s"] <= 5.8 + 1e-9
               for w in part["hypotheses"][0]["words"])


def test_part_of_pictures(viseme, faces):
    rows, _ = face_rows(viseme("face", faces, "--json", "--ss", 0.16, "--to", 0.32))
    assert [r["time_s"] for r in rows] == pytest.approx([0.16, 0.2, 0.24, 0.28])
    viseme("face", faces, "--ss", 9).error(3, faces, "ends at")


@pytest.mark.parametrize("options, words", [
    (["--ss", "1:60"], ["[HH:]MM:SS", "'1:60'"]), (["--ss", "-1"], ["--ss", "'-1'"]),
    (["--ss", "1:2:3:4"], ["--ss"]), (["--ss", "x"], ["--ss"]), (["--ss", "."], ["--ss"]),
    (["--ss", "1e3"], ["--ss"]), (["--ss", "3", "--to", "2"], ["--to 2", "after --ss 3"]),
    (["--to", "0"], ["--to"]), (["--ss", "99:00:00"], ["from 0 to 86400"])])
def test_bad_times(viseme, options, words):
    for command in ("read", "face"):
        viseme(command, "x", *options).error(2, *words)


# ---- Sound, names ------------------------------------------------------------------------------

def test_sound_is_ignored(viseme, make_video, plain, weights):
    expected = viseme("read", "-m", weights, plain).out
    path = make_video("sound.mkv", "-i", plain, "-f", "lavfi", "-i", "sine=d=0.5", "-c:v", "copy",
                      "-c:a", "libmp3lame", "-shortest")
    packets = subprocess.run(["ffprobe", "-v", "error", "-select_streams", "a", "-show_entries",
                              "packet=pos,size", "-of", "csv=p=0", path], check=True,
                             stdout=subprocess.PIPE).stdout.decode().split()
    data = bytearray(open(path, "rb").read())
    for line in packets:
        size, at = map(int, line.split(",")[:2])
        data[at + 16:at + size] = b"\xff" * (size - 16)
    broken = os.path.join(os.path.dirname(path), "broken.mkv")
    open(broken, "wb").write(data)
    assert len(packets) > 5
    for name in (path, broken):
        assert viseme("read", "-m", weights, name).out == expected
    only = make_video("only.m4a", "-f", "lavfi", "-i", "sine=d=0.5", "-c:a", "aac")
    viseme("read", "-m", weights, only).error(3, only, "sound")


NAMES = ["with space", "quo'te\"s", "-dash", "--help", "l\u00e4\u00fc\u4e2d", "a.b..c", "100%d%s",
         "semi;colon $(x) `y`", "star[*]?", "n" * 255, "http:x", "tab\there"]


def test_odd_names(viseme, plain, weights, text, tmp_path):
    for name in NAMES:
        os.symlink(plain, tmp_path / name)
    result = viseme("read", "-m", weights, "--json", "--report", "report \u00e4\"'.json", "--",
                    *NAMES)
    rows = [strict(line) for line in result.out.splitlines()]
    assert result.code == 0 and [r["input"] for r in rows] == NAMES
    assert len({r["text"] for r in rows}) == 1
    report = strict((tmp_path / "report \u00e4\"'.json").read_text())
    assert [r["input"] for r in report["inputs"]] == NAMES
    assert len({r["file"]["crc32"] for r in report["inputs"]}) == 1
    viseme("read", "-m", weights, "--", "n" * 256).error(3, "nnn")


def test_long_path(viseme, plain, weights, tmp_path):
    """A path of 4000 bytes works, one of 5000 is refused in one line."""
    folder = tmp_path
    while len(str(folder)) < 3700:
        folder = folder / ("d" * 200)
        folder.mkdir()
    path = folder / ("x" * (4000 - len(str(folder))))
    os.symlink(plain, path)
    assert viseme("read", "-m", weights, path).code == 0
    viseme("read", "-m", weights, str(path) + "y" * 1000).error(3)


# ---- --report and --plot ------------------------------------------------------------------------

def test_report(viseme, gap_video, faces, weights, tmp_path):
    result = viseme("read", "-m", weights, gap_video, "nothere", faces, "-q", "--report", "r.json",
                    "--ss", "0.2", "--beam", 4)
    report = json.loads((tmp_path / "r.json").read_text())
    assert result.code == report["exit_code"] == 9
    assert report["schema"] == 1 and report["command"] == "read"
    assert report["options"]["ss"] == 0.2 and report["options"]["beam"] == 4
    assert report["options"]["cpu"] is None and report["options"]["gemm"] == "native"
    assert report["versions"]["viseme"] == viseme("version", "--json").json()["version"]
    assert report["usage"]["peak_rss_bytes"] > 10e6 and report["usage"]["total_s"] > 0
    video, missing, folder = report["inputs"]
    assert video["status"] == folder["status"] == "ok" and missing["status"] == "error"
    assert missing["file"] is None and folder["file"] is None
    assert abs(video["gaps"][0]["start_s"] - 2) < 0.2
    assert set(video["stages"]) >= {"video_s", "face_s", "network_s", "decoder_s"}
    for known, path in ((video["file"], gap_video), (report["model"], weights)):
        data = open(path, "rb").read()
        assert known["bytes"] == len(data)
        assert int(known["crc32"], 16) == pictures.zlib.crc32(data)
        sums = subprocess.run(["sha256sum"], input=data, stdout=subprocess.PIPE, check=True)
        assert known["sha256"] in (None, sums.stdout.decode().split()[0])
    # Found, not given: no place of this machine is told.
    viseme("read", faces, "--report", "s.json", env={"VISEME_WEIGHTS": os.path.dirname(weights)})
    told = (tmp_path / "s.json").read_text()
    assert os.path.dirname(weights) not in told
    assert json.loads(told)["model"]["name"] == "lipnet.safetensors"


def test_report_that_cannot_be_written(viseme, faces, weights, tmp_path):
    viseme("read", "-m", weights, faces, "--report", "no/where.json").error(1, "no/where.json")
    viseme("read", "-m", weights, faces, "--report", "-").error(2, "--report")
    result = viseme("read", "-m", weights, faces, "--report", "/dev/full")
    assert result.code == 1 and "/dev/full" in result.err
    assert os.listdir(tmp_path) == []


def has_cairo(viseme, faces, weights, tmp_path):
    viseme("read", "-m", weights, faces, "--report", "v.json", "-q")
    found = json.loads((tmp_path / "v.json").read_text())["versions"]["cairo"]
    os.unlink(tmp_path / "v.json")
    return found is not None


def near(picture, colour):
    """Pixels of about this colour."""
    return (abs(picture.astype(int) - colour) <= 3).all(axis=2).sum()


def test_plot(viseme, gap_video, faces, weights, tmp_path):
    if not has_cairo(viseme, faces, weights, tmp_path):
        viseme("read", "-m", weights, faces, "--plot", "p.png").error(2, "cairo")
        return
    for path, options in ((faces, []), (gap_video, ["--words", "--ss", "1.5"])):
        assert viseme("read", "-m", weights, path, "-q", "--plot", "p.png", *options).code == 0
        drawn = pictures.read_png(tmp_path / "p.png")
        assert drawn.shape[1] == 1500
        # Frames are shown: the grey wall of the drawn pictures.
        assert near(drawn, [110, 110, 110]) > 10000
        held = near(drawn, [230, 115, 13])
        assert (held > 100) == (path == gap_video)
    viseme("read", "-m", weights, faces, faces, "--plot", "q.png").error(2, "one input")
    viseme("read", "-q", "-m", weights, faces, "--plot", "no/where.png").error(1, "no/where.png")
    assert os.listdir(tmp_path) == ["p.png"]
