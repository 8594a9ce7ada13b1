"""viseme read with networks that tell words: what they are given, which word is where, options. The
weights are drawn, so what is read is nonsense; its times, its form and its sums are not."""
import json
import os

import numpy as np
import pytest

import pictures
import stand_ins
from conftest import CLIPS

WORDS = 12


@pytest.fixture(scope="module")
def readers(tmp_path_factory):
    folder = tmp_path_factory.mktemp("word_readers")
    stand_ins.word_reader(folder / "syncvsr_lrw.safetensors")
    stand_ins.word_reader(folder / "plain.safetensors", word_boundary=0)
    stand_ins.word_reader(folder / "points.safetensors", "syncvsr_landmark")
    return folder


@pytest.fixture(scope="module")
def talk(tmp_path_factory, faces):
    """54 pictures: 2.16 s."""
    folder = tmp_path_factory.mktemp("talk")
    names = sorted(os.listdir(faces))
    for i in range(54):
        os.symlink(os.path.join(faces, names[i * i % len(names)]), folder / f"{i:03d}.png")
    return str(folder)


def crops_of(viseme, clip, tmp_path, *more):
    """[T 96 112] of the kind that word readers see."""
    assert viseme("face", "-q", clip, "--crop-kind", "syncvsr_lrw", "--crops", "crops",
                  *more).code == 0
    found = [pictures.read_png(tmp_path / "crops" / name)
             for name in sorted(os.listdir(tmp_path / "crops"))]
    assert all((picture == picture[..., :1]).all() for picture in found)
    return np.stack(found)[..., 0]


def network(viseme, tmp_path, weights, crops, word):
    """The network's own logits of 29 crops; those of the word are word[0] to word[1] - 1."""
    video = ((crops[:, :, 8:104] / np.float32(255) - np.float32(0.421)) / np.float32(0.165))
    np.save(tmp_path / "video.npy", video[None, None].astype(np.float32))
    mask = np.zeros((1, 29), np.float32)
    mask[0, word[0]:word[1]] = 1
    np.save(tmp_path / "mask.npy", mask)
    assert viseme("run", weights, "-i", "video=video.npy", "-i", "word_mask=mask.npy", "-o",
                  "category_logits=out.npy").code == 0
    return np.load(tmp_path / "out.npy")


def test_what_the_network_is_given(viseme, readers, talk, tmp_path):
    """Crops as `viseme face` cuts them, the word in their middle; at the clip's ends the nearest
    one is repeated."""
    weights = readers / "syncvsr_lrw.safetensors"
    args = ["read", "-q", "-m", weights, talk, "--emissions", "e.npy"]
    assert viseme(*args, "--word", "0.72-1.16", "--word", "0.08-0.28", "--word",
                  "1.76-2.12").code == 0
    crops, found = crops_of(viseme, talk, tmp_path), np.load(tmp_path / "e.npy")
    assert crops.shape == (54, 96, 112) and found.shape == (3, WORDS)
    for row, first, word in ((0, -10, (12, 17)), (1, 9, (9, 20)), (2, 34, (10, 19))):
        seen = crops[np.clip(np.arange(first, first + 29), 0, 53)]
        assert np.allclose(network(viseme, tmp_path, weights, seen, word), found[row], atol=1e-4)


def test_one_word_in_the_middle(viseme, readers, talk, tmp_path):
    weights = readers / "syncvsr_lrw.safetensors"
    args = ["read", "-q", "-m", weights, talk, "--ss", 1, "--to", 2.16, "--emissions", "e.npy"]
    crops = crops_of(viseme, talk, tmp_path, "--ss", 1, "--to", 2.16)
    assert len(crops) == 29
    for option, word in (((), (8, 21)), (("--word", "0.4"), (9, 19)), (("--word", 5), (0, 29))):
        found = viseme(*args, *option, "--words", "--json").json()
        want = network(viseme, tmp_path, weights, crops, word)
        assert np.allclose(want, np.load(tmp_path / "e.npy"), atol=1e-4)
        (best,) = found["hypotheses"][0]["words"]
        assert best["start_s"] == pytest.approx(1 + 0.04 * word[0])
        assert best["end_s"] == pytest.approx(1 + 0.04 * word[1])


def test_json(viseme, readers, faces):
    """Probabilities of all words, best first; the same for any number of threads."""
    args = ["read", "-q", "-m", readers / "plain.safetensors", faces, "--word", "0.1-0.2", "--word",
            "0.2-0.4", "--words", "--json", "--nbest", WORDS]
    found = viseme(*args).json()
    assert viseme(*args, "-t", 1).json()["hypotheses"] == found["hypotheses"]
    assert found["decoder"] == "words" and found["model"]["arch"] == "syncvsr_lrw"
    assert found["min_confidence"] == 0 and found["out_of_domain"] is False
    assert found["crops"] == 12 and found["duration_s"] == pytest.approx(0.48)
    table = [[word for word in h["words"]] for h in found["hypotheses"]]
    for k in range(2):
        assert {row[k]["text"] for row in table} == {f"WORD{i}" for i in range(WORDS)}
        probabilities = [row[k]["confidence"] for row in table]
        assert probabilities == sorted(probabilities, reverse=True)
        assert sum(probabilities) == pytest.approx(1, abs=1e-5)
        assert (table[0][k]["start_s"], table[0][k]["end_s"]) == \
            ((0.1, 0.2), (0.2, 0.4))[k]
    for h, row in zip(found["hypotheses"], table):
        assert h["text"] == f"{row[0]['text']} {row[1]['text']}"
        assert h["confidence"] == pytest.approx(
            (row[0]["confidence"] * row[1]["confidence"]) ** 0.5, rel=1e-5)
        assert h["score"] == h["log_probability"] == pytest.approx(
            np.log(row[0]["confidence"] * row[1]["confidence"]), abs=1e-5)


def test_text_and_formats(viseme, readers, faces, tmp_path):
    args = ["read", "-q", "-m", readers / "plain.safetensors", faces, "--word", "0-0.2", "--word",
            "0.25-0.4"]
    found = viseme(*args, "--json", "--nbest", 3).json()
    assert viseme(*args).out == found["text"] + "\n"
    rows = [line.split("\t") for line in viseme(*args, "--nbest", 3).out.splitlines()]
    assert [(float(row[0]), row[1]) for row in rows] == \
        [(pytest.approx(h["confidence"], abs=1e-6), h["text"]) for h in found["hypotheses"]]
    table = viseme(*args, "--words").out
    assert [line.split("\t")[:2] for line in table.splitlines()] == [["0.000", "0.200"],
                                                                     ["0.250", "0.400"]]
    assert viseme(*args, "--format", "srt", "--words").out.count(" --> ") == 2
    assert len(viseme(*args, "--format", "ctm").out.splitlines()) == 2
    both = viseme("read", "-q", "-m", readers / "plain.safetensors", faces, faces)
    assert both.code == 0 and len(both.out.splitlines()) == 2
    # what --words prints can be read back
    (tmp_path / "times.txt").write_text(table)
    assert viseme(*args[:5], "--word-times", "times.txt", "--words").out == table


def test_times_of_words(viseme, readers, faces, tmp_path):
    args = ["read", "-m", readers / "plain.safetensors", faces, "--words"]
    want = viseme(*args, "-q", "--word", "0.1-0.18", "--word", "0.18-0.36").out
    (tmp_path / "a.align").write_text("0 2500 sil\n2500 4500 bin\n4500 9000 blue\n"
                                      "9000 12000 sil\n")
    (tmp_path / "a.txt").write_text("# words\n\n 0.1 0.18 bin\r\n0.18\t0.36\n.3 .4 sp\n30 31 x\n")
    found = viseme(*args, "--word-times", "a.align", "--report", "r.json")
    assert found.out == want and found.err == ""
    with open(tmp_path / "r.json") as file:
        assert json.load(file)["word_times"]["name"] == "a.align"
    found = viseme(*args, "--word-times", "a.txt")
    assert found.out == want and "1 of 3 words are said before or after" in found.err


@pytest.mark.parametrize("text, words", [
    ("", "no word"), ("0 1 sil\n", "no word"), ("1 2\n1.5\n", "t.txt:2: "), ("1 b\n", "t.txt:1: "),
    ("2 1\n", "ends before"), ("-1 2\n", "two times"), ("1e30 2e30\n", "two times"),
    ("1 2x\n", "two times"), ("1,2\n", "two times"), ("nan nan\n", "two times")])
def test_bad_times(viseme, readers, faces, tmp_path, text, words):
    (tmp_path / "t.txt").write_text(text)
    viseme("read", "-m", readers / "plain.safetensors", faces, "--word-times", "t.txt").error(
        3, "t.txt", words)


@pytest.mark.parametrize("more, code, words", [
    (["--word", "2-1"], 2, "--word: '2-1'"), (["--word", "x"], 2, "neither START-END"),
    (["--word", "0.4", "--word", "1-2"], 2, "'1-2'"), (["--word", "0"], 2, "'0'"),
    (["--word", "1-2-3"], 2, "'1-2-3'"), (["--word-times", "nothere"], 3, "nothere"),
    (["--word", "1-2", "--word-times", "t"], 2, "--word and --word-times"),
    (["--word", "7-8"], 3, "none of the words"), (["--beam", "4"], 2, "nothing to search"),
    (["--nbest", "13"], 2, "knows 12 words"), (["--grammar", "grid"], 2, "nothing to search"),
    (["--ctc-weight", "0.5"], 2, "is for a syncvsr"), (["--plot", "p.png"], 2, "--plot"),
    (["--to", "0.1"], 3, "0.12 s long"), (["--arch", "syncvsr"], 6, "not a syncvsr")])
def test_refusals(viseme, readers, faces, more, code, words):
    viseme("read", "-m", readers / "plain.safetensors", faces, *more).error(code, words)


def test_clips_without_times_are_short(viseme, readers, talk):
    viseme("read", "-m", readers / "plain.safetensors", talk).error(7, "2 s", "--word-times")


def test_options_of_word_readers(viseme, weights, readers, faces, tmp_path):
    viseme("read", "-m", weights, faces, "--word", "1-2").error(2, "--word is for a word reader")
    viseme("read", "-m", weights, faces, "--arch", "syncvsr-word").error(6, "not a syncvsr-word")
    (tmp_path / "t.txt").write_text("0 0.4\n")
    viseme("read", "-m", readers / "plain.safetensors", faces, faces, "--word-times",
           "t.txt").error(2, "takes one input")


def test_least_confidence(viseme, readers, faces):
    args = ["read", "-q", "-m", readers / "plain.safetensors", faces]
    assert viseme(*args, "--min-confidence", 0.99).code == 8
    assert viseme(*args, "--min-confidence", 0.01).code == 0


def test_which_file_is_looked_for(viseme, readers, faces, tmp_path):
    """The reader of pictures, and where there is none the reader of points."""
    args = ["read", "-q", faces, "--arch", "syncvsr-word", "--json"]
    found = viseme(*args, env={"VISEME_WEIGHTS": str(readers)}).json()
    assert found["model"]["path"].endswith("syncvsr_lrw.safetensors")
    viseme(*args, env={"VISEME_WEIGHTS": str(tmp_path)}).error(6, "syncvsr_lrw.safetensors")
    os.symlink(readers / "points.safetensors", tmp_path / "syncvsr_landmark.safetensors")
    viseme(*args, env={"VISEME_WEIGHTS": str(tmp_path)}).error(
        6, "syncvsr_landmark", "blazeface.safetensors")


def test_points_need_facemesh(viseme, readers, faces, cascade):
    args = ["read", faces, "-m", readers / "points.safetensors"]
    viseme(*args).error(6, "points of a face", "blazeface.safetensors")
    viseme(*args, "--face-model", "haar").error(2, "facemesh")
    viseme(*args, "--cascade", cascade).error(2, "facemesh")


@pytest.mark.parametrize("change, words", [
    ({"viseme.vocab": None}, "--vocab"), ({"viseme.vocab": '["ONE", "TWO"]'}, "2 words"),
    ({"input_size": 120}, "from 32 to 96")])
def test_bad_files(viseme, faces, tmp_path, change, words):
    path = tmp_path / "w.safetensors"
    vocab = change.pop("viseme.vocab", "")
    stand_ins.word_reader(path, **change)
    if vocab != "":
        with open(path, "r+b") as file:
            header = file.read()
            size = int.from_bytes(header[:8], "little")
            made = json.loads(header[8:8 + size])
            made["__metadata__"].pop("viseme.vocab")
            if vocab:
                made["__metadata__"]["viseme.vocab"] = vocab
            text = json.dumps(made).encode().ljust(size)
            file.seek(8)
            file.write(text)
    viseme("read", "-m", path, faces).error(6, "w.safetensors", words)


# ---- with the real FaceMesh, where it is

@pytest.fixture
def mesh(mesh_networks, readers, tmp_path):
    """A folder to look for weights in: FaceMesh and a reader of points."""
    folder = tmp_path / "mesh"
    folder.mkdir()
    for name in os.listdir(mesh_networks):
        os.symlink(mesh_networks / name, folder / name)
    os.symlink(readers / "points.safetensors", folder / "syncvsr_landmark.safetensors")
    return {"VISEME_WEIGHTS": str(folder)}


def test_points_of_a_real_face(viseme, mesh, readers, clips, has_video, tmp_path):
    clip = os.path.join(CLIPS, "s1_bbaf2n")
    args = ["read", "-q", clip + ".mpg", "--arch", "syncvsr-word", "--to", 2, "--word-times",
            clip + ".align", "--emissions"]
    found = viseme(*args, "e.npy", "--words", "--json", env=mesh).json()
    assert found["model"]["arch"] == "syncvsr_landmark" and found["face"]["model"] == "facemesh"
    assert [w["start_s"] for w in found["hypotheses"][0]["words"]] == \
        [0.95, 1.18, 1.36, 1.42, 1.64]
    assert viseme(*args, "one.npy", "-t", 1, env=mesh).code == 0
    exact = np.load(tmp_path / "e.npy")
    assert (exact == np.load(tmp_path / "one.npy")).all()
    # between looks points are interpolated: near, but not the same
    assert viseme(*args, "near.npy", "--landmarks-every", 4, env=mesh).code == 0
    near = np.load(tmp_path / "near.npy")
    assert not (near == exact).all() and np.abs(near - exact).max() < 0.1 * np.ptp(exact)


def test_windows_of_all_face_models_agree(viseme, mesh, clips, has_video, tmp_path, cascade):
    """The window that FaceMesh's points give, and the one that a cascade's box gives."""
    clip = os.path.join(CLIPS, "s1_bbaf2n.mpg")
    found = {}
    for model in ("facemesh", "haar"):
        assert viseme("face", "-q", clip, "--to", 1, "--crop-kind", "syncvsr_lrw", "--crops", model,
                      "--face-model", model, env=mesh).code == 0
        found[model] = np.stack([pictures.read_png(tmp_path / model / name)[..., 0] for name in
                                 sorted(os.listdir(tmp_path / model))]).astype(float).mean(0)
    a, b = found["facemesh"], found["haar"]
    shifts = {(y, x): np.corrcoef(a[12:-12, 12:-12].ravel(), np.roll(b, (y, x), (0, 1))
                                  [12:-12, 12:-12].ravel())[0, 1]
              for y in range(-10, 11) for x in range(-10, 11)}
    best = max(shifts, key=shifts.get)
    assert shifts[best] > 0.9 and max(map(abs, best)) <= 8
