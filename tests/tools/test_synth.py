"""The renderer of talking faces: weights-tools/synth."""
import itertools
import json
import math
import os
import shutil
import struct
import subprocess
import sys
import zlib

import numpy as np
import pytest

from conftest import ROOT, TOOLS

pytest.importorskip("cairo", reason="python3-cairo is not installed")
speech = pytest.importorskip("synth.speech")
try:
    speech.pronounce("a")
except speech.SpeechError as missing:
    pytest.skip(f"no speech: {missing}", allow_module_level=True)

from synth import avatars, clip, identity, sentences, visemes  # noqa: E402
from synth.face import MOUTH, Face  # noqa: E402
from synth.pen import Pose  # noqa: E402

CLOSED = {"p", "b", "m"}
PROGRAM = os.path.join(TOOLS, "synth", "corpus.py")
needs_ffmpeg = pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="no program ffmpeg")


@pytest.fixture(scope="module")
def take():
    return clip.Take(np.random.default_rng(7), "my mummy put a blue bin by the map", 200, 200)


@pytest.fixture(scope="module")
def drawn(take):
    """[(picture, landmarks)] of all frames."""
    return list(clip.draw(take))


# ---- Speech -------------------------------------------------------------------------------------

def test_speech_is_the_same_twice_and_its_times_are_in_order():
    a, b = (speech.speak("where did you put the small box in the kitchen", "en-us+f2", 150, 60)
            for _ in range(2))
    assert a.samples == b.samples and a.phonemes == b.phonemes and a.words == b.words
    assert [w for w, _, _ in a.words] == "where did you put the small box in the kitchen".split()
    for marks in (a.words, a.phonemes):
        assert all(start < end for _, start, end in marks)
        assert all(x[2] <= y[1] for x, y in zip(marks, marks[1:]))
        assert 0 <= marks[0][1] and marks[-1][2] <= a.seconds
    for (_, start, end), (first, last) in zip(a.words, a.word_phonemes):
        assert start == a.phonemes[first][1] and end == a.phonemes[last - 1][2]
    assert np.abs(np.frombuffer(a.samples, "<i2")).max() > 3000


def test_speed_and_pitch_change_the_speech():
    slow, fast = (speech.speak("eight green boats", speed=s) for s in (110, 200))
    assert slow.seconds > 1.25 * fast.seconds
    assert speech.speak("eight", pitch=20).samples != speech.speak("eight", pitch=80).samples


def test_a_letter_is_not_an_article():
    letter, article = (speech.speak("at a five", letters=x) for x in (True, False))
    assert letter.phonemes[2][0] == "eI" and article.phonemes[2][0] != "eI"


@pytest.mark.parametrize("text", ["", "four 4", "x; y", "[[p]]"])
def test_what_is_not_words_is_refused(text):
    with pytest.raises(speech.SpeechError):
        speech.speak(text)


def test_an_unknown_voice_is_refused():
    with pytest.raises(speech.SpeechError, match="no voice"):
        speech.speak("yes", voice="xx-none")


# ---- Visemes ------------------------------------------------------------------------------------

def test_the_table_has_every_phoneme_of_the_vocabularies():
    words = sorted({w for g in sentences.GRAMMARS for w in sentences.load(g).vocabulary()})
    said = set()
    for voice in speech.ACCENTS:
        for k in range(0, len(words), 100):
            spoken = speech.speak(" ".join(words[k:k + 100]), voice, speed=300)
            said |= {p for p, _, _ in spoken.phonemes}
    assert said <= set(visemes.TABLE), sorted(said - set(visemes.TABLE))
    assert len(said) > 35


def test_targets_are_in_range():
    for name, (targets, weights, reach) in visemes.VISEMES.items():
        assert len(targets) == len(weights) == len(visemes.PARAMETERS), name
        assert all(-1 <= t <= 1 for t in targets) and all(w > 0 for w in weights), name
        assert 0.02 < reach < 0.2, name
    assert {v for shapes in visemes.TABLE.values() for v in shapes} <= set(visemes.VISEMES)


def test_the_documented_table_is_the_one_in_use():
    with open(os.path.join(ROOT, "docs", "synth.md"), encoding="utf-8") as file:
        rows = [[c.strip() for c in line.split("|")[1:-1]] for line in file if line[0] == "|"]
    tables = {row[0]: row for row in rows}
    for name, (targets, _, reach) in visemes.VISEMES.items():
        assert [float(v) for v in tables[name][2:]] == [*targets, round(1000 * reach, 6)], name
    for name, (low, high, _) in identity.RANGES.items():
        assert [float(v) for v in tables[name][1:3]] == [low, high], name


def test_lips_are_closed_on_m_b_p_and_open_on_vowels(take):
    phonemes = take.phonemes
    middle = [(a + b) / 2 for _, a, b in phonemes]
    track = visemes.mouth_track(phonemes, take.seconds, middle)
    gaps = {}
    for (name, _, _), mouth in zip(phonemes, track):
        gaps.setdefault(name, []).append(visemes.opening(mouth))
    assert CLOSED <= set(gaps)
    assert max(max(gaps[p]) for p in CLOSED) < 0.02
    assert max(gaps["a"]) > 0.12
    silent = visemes.mouth_track(phonemes, take.seconds, [0.0, take.seconds])
    assert all(visemes.opening(m) == 0 for m in silent)


def test_the_mouth_moves_smoothly(take):
    track = visemes.mouth_track(take.phonemes, take.seconds, np.arange(0, take.seconds, 0.002))
    assert np.abs(np.diff(track, axis=0)).max() < 0.12  # in 2 ms; a switch of pictures is 1


def test_a_vowel_is_rounded_before_it_sounds():
    said = [("t", 0.5, 0.6), ("u:", 0.6, 0.9)], [("t", 0.5, 0.6), ("i:", 0.6, 0.9)]
    rounded, spread = (visemes.mouth_track(p, 1.2, [0.56])[0][visemes.ROUND] for p in said)
    assert rounded > spread + 0.2


def test_an_h_takes_the_shape_around_it():
    with_h, without = (visemes.mouth_track([(p, 0.3, 0.4), ("A:", 0.4, 0.7)], 1.0, [0.5])[0]
                       for p in ("h", "?"))
    assert np.array_equal(with_h, without) and visemes.shapes_of("h") == ()


def test_words_that_draw_alike():
    sounds = {"bat": ["b", "a", "t"], "mad": ["m", "a", "d"], "pan": ["p", "a", "n"],
              "fan": ["f", "a", "n"], "ham": ["h", "a", "m"], "am": ["a", "m"]}
    classes = visemes.homophene_classes(sorted(sounds), lambda w, _: sounds[w])
    assert classes == [["am", "ham"], ["bat", "mad", "pan"], ["fan"]]
    tracks = [visemes.mouth_track([(p, 0.3 + 0.1 * i, 0.4 + 0.1 * i)
                                   for i, p in enumerate(sounds[w])], 1.0, np.arange(0, 1, 0.04))
              for w in ("bat", "mad", "pan", "fan")]
    assert np.array_equal(tracks[0], tracks[1]) and np.array_equal(tracks[0], tracks[2])
    assert np.abs(tracks[0] - tracks[3]).max() > 0.3
    letters = visemes.homophene_classes([*"abdptvf"])
    assert ["b", "p"] in letters and ["d", "t"] in letters and ["a"] in letters


# ---- Sentences ----------------------------------------------------------------------------------

def test_splits_share_no_sentence_and_no_face():
    rng = np.random.default_rng(0)
    for name in ("words", "digits", "grid"):
        grammar = sentences.load(name)
        drawn = {s: {sentences.draw(grammar, s, rng) for _ in range(150)}
                 for s in sentences.SPLITS}
        assert not drawn["train"] & drawn["test"], name
        assert all(sentences.split_of(t) == s for s in drawn for t in drawn[s])
        assert all(set(t.split()) <= set(grammar.vocabulary()) for s in drawn for t in drawn[s])
    faces = {s: {json.dumps(clip.make_take(1, s, i, "digits", 96, 96).identity)
                 for i in range(4)} for s in sentences.SPLITS}
    assert len(faces["train"] | faces["test"]) == 8


def test_one_sentence_in_ten_is_held_out():
    grammar, rng = sentences.load("words"), np.random.default_rng(3)
    texts = {" ".join(grammar.sentence(rng)) for _ in range(3000)}
    share = sum(sentences.split_of(t) == "test" for t in texts) / len(texts)
    assert 0.07 < share < 0.13
    assert 280 <= len(grammar.vocabulary()) <= 360
    assert all(1 <= len(t.split()) <= 16 for t in texts)


def test_a_person_can_come_again():
    a, b, c = (clip.make_take(1, "train", i, "digits", 96, 96, identities=2) for i in (0, 2, 1))
    assert a.identity == b.identity != c.identity and a.text != b.text


# ---- Faces --------------------------------------------------------------------------------------

def test_identities_keep_to_their_ranges():
    rng = np.random.default_rng(5)
    people = [identity.sample(rng) for _ in range(60)]
    for name, (low, high, _) in identity.RANGES.items():
        values = [p[name] for p in people]
        if name not in ("jaw_width", "brow_thickness", "lip_redness"):
            assert low <= min(values) and max(values) <= high, name
    for p in people:
        assert json.loads(json.dumps(p)) == p
        assert all(0 <= v <= 1 for c in identity.colours(p).values() for v in c)
    assert len({p["hair"] for p in people}) == len(identity.HAIR)


def test_pictures_are_the_same_twice(take, drawn):
    again = [p for p, _ in itertools.islice(clip.draw(take), 25)]
    assert clip.digest(again) == clip.digest(p for p, _ in drawn[:25])
    fresh = clip.Take(np.random.default_rng(7), take.text, 200, 200)
    assert np.array_equal(next(clip.draw(fresh))[0], drawn[0][0])
    assert len({p.tobytes() for p, _ in drawn}) > 0.9 * len(drawn)


def test_landmarks_follow_the_mouth(take, drawn):
    marks = np.array([m for _, m in drawn])
    assert marks.shape == (take.frames, 68, 2) and np.isfinite(marks).all()
    assert marks.min() >= 0 and marks.max() < 200
    eyes = np.linalg.norm(marks[:, 36] - marks[:, 45], axis=1)
    gap = np.linalg.norm(marks[:, 62] - marks[:, 66], axis=1) / eyes
    drawn_gap = np.array([visemes.opening(m) for m in take.mouth()])
    assert np.corrcoef(gap, drawn_gap)[0, 1] > 0.98
    shut = drawn_gap == 0
    assert 5 < shut.sum() < take.frames and gap[shut].max() < 0.03 and gap.max() > 0.1
    mouth = marks[:, MOUTH]
    assert (mouth[:, 0, 0] < mouth[:, 6, 0]).all() and (mouth[:, 3, 1] < mouth[:, 9, 1]).all()
    assert (marks[:, 8, 1] > mouth[:, :, 1].max(1)).all()  # the chin is below


def test_the_mouth_in_the_picture_is_where_the_landmarks_say():
    face = Face(identity.sample(np.random.default_rng(2)))
    import cairo
    pictures = []
    for name in ("P", "AH"):
        surface = cairo.ImageSurface(cairo.FORMAT_RGB24, 300, 300)
        marks = face.draw(cairo.Context(surface), Pose(150, 140, 80), visemes.VISEMES[name][0])
        surface.flush()
        pictures.append(np.frombuffer(surface.get_data(), np.uint8).reshape(300, 300, 4)[:, :, :3])
    middle = marks[60:68].mean(0).round().astype(int)
    dark = [p[middle[1] - 3:middle[1] + 4, middle[0] - 6:middle[0] + 7].mean() for p in pictures]
    assert dark[1] < 0.6 * dark[0]  # inside an open mouth against closed lips


@pytest.mark.parametrize("condition", ["low_light", "noise", "gaps", "motion"])
def test_conditions(condition):
    plain, other = (clip.make_take(4, "train", 0, "digits", 160, 160, c)
                    for c in ("clean", condition))
    few = None if condition == "gaps" else 3
    pictures, marks = zip(*itertools.islice(clip.draw(other), few))
    first = next(clip.draw(plain))[0]
    if condition == "low_light":
        assert pictures[0].mean() < 0.6 * first.mean()
    if condition == "noise":
        flat = [np.diff(p[:12, :12].astype(float), axis=1).std() for p in (first, pictures[0])]
        assert flat[1] > 3 * flat[0]
    missing = np.isnan(np.array(marks)).all((1, 2))
    hidden = [other.camera.hidden(t) for t in other.times()[:few]]
    assert missing.tolist() == hidden and any(hidden) == (condition == "gaps")
    if condition == "motion":
        assert other.camera.motion > 2 > plain.camera.motion


def test_sound_may_be_late():
    on_time, late = (clip.make_take(4, "train", 1, "digits", 96, 96, offset=o) for o in (0, 0.2))
    shift = round(0.2 * on_time.rate)
    assert on_time.phonemes == late.phonemes and len(on_time.samples) == len(late.samples)
    assert np.array_equal(on_time.samples[:-shift], late.samples[shift:])


# ---- Characters ---------------------------------------------------------------------------------

def read_png(path):
    """What write_png() writes: the rows of one size, filters 0 and 2."""
    data, packed, at = open(path, "rb").read(), b"", 8
    while at < len(data):
        size, kind = struct.unpack(">I4s", data[at:at + 8])
        body = data[at + 8:at + 8 + size]
        if kind == b"IHDR":
            width, height = struct.unpack(">II", body[:8])
        if kind == b"IDAT":
            packed += body
        at += 12 + size
    rows = np.frombuffer(zlib.decompress(packed), np.uint8).reshape(height, 1 + 3 * width)
    assert (rows[:, 0] == 2).all()
    return np.cumsum(rows[:, 1:], 0, np.uint8).reshape(height, width, 3)


@pytest.mark.parametrize("name", sorted(avatars.CHARACTERS))
def test_characters_are_drawn_by_this_code(name):
    folder = os.path.join(ROOT, "assets", "avatars")
    with open(os.path.join(folder, name + ".json"), encoding="utf-8") as file:
        facts = json.load(file)
    assert facts == avatars.character(name)
    kept = read_png(os.path.join(folder, name + ".png")).astype(int)
    now = avatars.portrait(facts["identity"])[:, :, ::-1].astype(int)
    assert kept.shape == now.shape == (512, 512, 3)
    assert np.abs(kept - now).mean() < 0.5  # other versions of cairo may round differently


# ---- The program --------------------------------------------------------------------------------

def run(*argv):
    return subprocess.run([sys.executable, PROGRAM, *map(str, argv)], stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True, check=False)


def probe(path):
    told = subprocess.run(["ffprobe", "-v", "error", "-show_streams", "-of", "json", str(path)],
                          stdout=subprocess.PIPE, check=True).stdout
    return {s["codec_type"]: s for s in json.loads(told)["streams"]}


@needs_ffmpeg
def test_a_corpus_from_end_to_end(tmp_path):
    options = ("--clips", 2, "--seed", 9, "--sentences", "digits", "--size", "128x128",
               "--jobs", 2)
    done = run("--out", tmp_path / "a", *options)
    assert done.returncode == 0 and done.stdout == done.stderr == ""
    lines = [json.loads(x) for x in open(tmp_path / "a" / "manifest.jsonl", encoding="utf-8")]
    assert [x["name"] for x in lines] == ["train-digits-9-00000", "train-digits-9-00001"]
    facts, base = lines[0], str(tmp_path / "a" / lines[0]["name"])
    streams = probe(base + ".mp4")
    assert streams["video"]["codec_name"] == "h264" and streams["audio"]["codec_name"] == "aac"
    assert int(streams["video"]["nb_frames"]) == facts["frames"]
    assert streams["video"]["r_frame_rate"] == "25/1"
    assert abs(float(streams["audio"]["duration"]) - facts["seconds"]) < 0.05
    assert np.load(base + ".npy").shape == (facts["frames"], 68, 2)
    assert open(base + ".txt", encoding="utf-8").read().strip() == facts["text"]
    said = [line.split() for line in open(base + ".align", encoding="utf-8")]
    assert [w for _, _, w in said if w != "sil"] == facts["text"].split()
    assert said[0][0] == "0" and math.isclose(int(said[-1][1]) / 25000, facts["seconds"])
    assert all(a[1] == b[0] for a, b in zip(said, said[1:]))

    # Interrupted and gone on with: the same pictures; what is finished is not drawn again.
    kept = os.stat(base + ".mp4").st_mtime_ns
    other = str(tmp_path / "a" / lines[1]["name"])
    os.remove(other + ".json")
    os.remove(other + ".mp4")
    assert run("--out", tmp_path / "a", *options).returncode == 0
    again = [json.loads(x) for x in open(tmp_path / "a" / "manifest.jsonl", encoding="utf-8")]
    assert again == lines and os.stat(base + ".mp4").st_mtime_ns == kept
    assert os.path.exists(other + ".mp4")

    refused = run("--out", tmp_path / "a", *options[:2], "--seed", 10)
    assert refused.returncode == 1 and "seed" in refused.stderr
    assert refused.stderr.count("\n") == 1


def test_one_sentence_as_pictures(tmp_path):
    done = run("--frames", tmp_path / "f", "--text", "one", "--avatar", "ada", "--size", "96x96")
    assert done.returncode == 0, done.stderr
    facts = json.load(open(tmp_path / "f" / "facts.json", encoding="utf-8"))
    pictures = sorted(p for p in os.listdir(tmp_path / "f") if p.endswith(".png"))
    assert len(pictures) == facts["frames"] > 10
    assert facts["identity"] == avatars.character("ada")["identity"]
    assert read_png(tmp_path / "f" / pictures[0]).shape == (96, 96, 3)


@pytest.mark.parametrize("argv, code", [
    (("--frames", "x", "--text", "hello", "--avatar", "nobody"), 1),
    (("--frames", "x"), 2), (("--out", "x", "--size", "17x3"), 2),
    (("--out", "x", "--clips", 0), 2),
    (("--frames", "x", "--text", "route 66"), 1),
])
def test_bad_requests(tmp_path, monkeypatch, argv, code):
    monkeypatch.chdir(tmp_path)
    done = run(*argv)
    assert done.returncode == code and "Traceback" not in done.stderr and done.stderr
    assert not os.listdir(tmp_path)
