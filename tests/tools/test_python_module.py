"""python/viseme.py over the library that was built: structs, networks, reading, errors."""
import json
import os
import shutil
import subprocess
import sys
import threading

import numpy as np
import pytest

import architectures
import safetensors_io
import seeded_weights
from conftest import GOLDENS, ROOT
from reference import seeded
from tensors import StoredTensor

BUILD = os.path.join(ROOT, os.environ.get("VISEME_BUILD") or "build")
LIBRARY = os.path.join(BUILD, "libviseme.so")
CASCADE = "/usr/share/opencv4/haarcascades/haarcascade_frontalface_alt2.xml"


@pytest.fixture(scope="module")
def viseme():
    if not os.path.exists(LIBRARY):
        pytest.skip(f"{LIBRARY} is not built")
    os.environ["VISEME_LIBRARY"] = LIBRARY
    sys.path.insert(0, os.path.join(ROOT, "python"))
    try:
        import viseme as module
        yield module
    finally:
        sys.path.pop(0)


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    path = tmp_path_factory.mktemp("weights") / "lipnet.safetensors"
    seeded_weights.write_weights("lipnet", path, "F32")
    return path


@pytest.fixture
def model(viseme, weights):
    with viseme.Model(weights) as made:
        yield made


def mouths(count):
    """Crops [T 64 128 3] of a dark ellipse that opens and closes."""
    y, x = np.mgrid[:64, :128]
    made = np.empty((count, 64, 128, 3), np.uint8)
    for t in range(count):
        d = ((x - 64) / 30) ** 2 + ((y - 32) / (6 + 5 * np.sin(t * 0.7))) ** 2
        made[t] = np.where(d < 1, 40, 150)[..., None] * np.array([0.6, 0.8, 1.0])
    return made


def test_structs_are_those_of_the_header(viseme, tmp_path):
    """Sizes, offsets and widths of every field, as the C compiler sees viseme.h."""
    structs = {name: kind for name, kind in vars(viseme).items()
               if isinstance(kind, type) and issubclass(kind, viseme.ctypes.Structure)}
    assert len(structs) >= 10
    lines = ["#include <stdio.h>", "#include <stddef.h>", '#include "viseme.h"',
             "int main(void) {"]
    expected = []
    for kind in structs.values():
        name = kind.__name__
        lines.append(f'printf("{name} %zu\\n", sizeof({name}));')
        expected.append(f"{name} {viseme.ctypes.sizeof(kind)}")
        for field, _ in kind._fields_:
            lines.append(f'printf("{name}.{field} %zu %zu\\n", offsetof({name}, {field}), '
                         f"sizeof((({name} *)0)->{field}));")
            at = getattr(kind, field)
            expected.append(f"{name}.{field} {at.offset} {at.size}")
    (tmp_path / "sizes.c").write_text("\n".join(lines + ["return 0; }", ""]))
    subprocess.run([os.environ.get("CC", "gcc"), "-I", os.path.join(ROOT, "include"), "-o",
                    tmp_path / "sizes", tmp_path / "sizes.c"], check=True)
    found = subprocess.run([tmp_path / "sizes"], check=True, capture_output=True, text=True)
    assert found.stdout.splitlines() == expected


def test_statuses_are_those_of_the_header(viseme):
    with open(os.path.join(ROOT, "include", "viseme.h"), encoding="utf-8") as file:
        header = file.read()
    for status in viseme.Status:
        name = "VISEME_OK" if status == 0 else f"VISEME_ERR_{status.name}"
        assert f"{name} = {int(status)}" in header
    assert header.count("    VISEME_ERR_") == len(viseme.Status) - 1


def test_session_gives_the_golden(viseme, model):
    golden = np.load(os.path.join(GOLDENS, "lipnet", "logits.npy"))
    x = seeded_weights.network_input("lipnet", "x")
    with model.session(threads=1) as session:
        assert (session.inputs, session.outputs) == (["x"], ["logits"])
        first = session.run(x=x)["logits"]
        assert first.dtype == np.float32 and first.shape == golden.shape
        assert np.abs(first - golden).max() <= 1e-5 * np.ptp(golden)
        kept = first.copy()
        # any strides and type; results are copies
        short = session.run({"x": np.asfortranarray(x[:, :, :8].astype(np.float64))})["logits"]
        assert short.shape == (1, 8, 28)
        np.testing.assert_array_equal(first, kept)


def test_model_facts(viseme, weights):
    with viseme.Model(str(weights), cpu="c") as model:
        assert (model.arch, model.cpu) == ("lipnet", "c")
        assert model.metadata("viseme.license") == "CC0-1.0"
        assert model.metadata("viseme.nothing") is None
    assert viseme.cpu_best() in ("c", "avx2", "avx512")
    assert viseme.version() == viseme.__version__


def test_reads_crops(viseme, model):
    crops = mouths(20)
    reading = model.read_crops(crops, beam=8, nbest=3)
    assert 1 <= len(reading.hypotheses) <= 3 and reading.logits.shape == (20, 28)
    assert reading.text == reading.hypotheses[0].text
    assert 0 <= reading.confidence <= 1 and reading.stats["crops"] == 20
    assert [w.text for w in reading.words] == reading.text.split()
    assert all(0 <= w.start_s < w.end_s <= 20 / 25 + 1e-9 for w in reading.words)
    # R G B, and pictures that lie upside down or among others
    rgb = model.read_crops(crops[..., ::-1], pixels="rgb")
    np.testing.assert_array_equal(rgb.logits, reading.logits)
    flipped = np.ascontiguousarray(crops[:, ::-1])[:, ::-1]
    assert flipped.strides[1] < 0
    np.testing.assert_array_equal(model.read_crops(flipped).logits, reading.logits)
    wide = np.zeros((20, 64, 200, 3), np.uint8)
    wide[:, :, 30:158] = crops
    np.testing.assert_array_equal(model.read_crops(wide[:, :, 30:158]).logits, reading.logits)


def test_reads_frames(viseme, model):
    if not os.path.exists(CASCADE):
        pytest.skip("opencv-data is not installed")
    reader = model.reader(cascade=CASCADE)
    for t in range(3):
        reader.push(np.full((120, 160, 3), 90 + t, np.uint8), t / 25)
    with pytest.raises(viseme.Error, match="face") as caught:
        reader.finish()
    assert caught.value.status == viseme.Status.NO_FACE


def test_errors(viseme, model, tmp_path):
    def fails(status, words, function, *arguments, **options):
        with pytest.raises(viseme.Error, match=words) as caught:
            function(*arguments, **options)
        assert caught.value.status == status, str(caught.value)

    status = viseme.Status
    fails(status.MODEL, "nothing.safetensors", viseme.Model, tmp_path / "nothing.safetensors")
    fails(status.ARGUMENT, "avx2", viseme.Model, "x", cpu="mmx")
    fails(status.INPUT, "no.xml cannot be read", model.reader, cascade=tmp_path / "no.xml")
    fails(status.MODEL, "cascade", model.reader, cascade=b"<nonsense/>")
    fails(status.ARGUMENT, "beam", model.reader, nbest=2)
    session = model.session()
    fails(status.ARGUMENT, "needs inputs", session.run)
    fails(status.ARGUMENT, 'no input "y"', session.run, x=np.zeros((1, 3, 2, 64, 128)),
          y=np.zeros(1))
    fails(status.ARGUMENT, r"\[1 3 2 64 127\]", session.run, x=np.zeros((1, 3, 2, 64, 127)))
    fails(status.ARGUMENT, "9 axes", session.run, x=np.zeros([1] * 9))
    reader = model.reader()
    fails(status.ARGUMENT, "uint8", reader.push_crop, np.zeros((64, 128, 3)))
    fails(status.ARGUMENT, "pixels", reader.push_crop, np.zeros((64, 128, 3), np.uint8), "hsv")
    fails(status.ARGUMENT, "64 x 128", reader.push_crop, np.zeros((64, 127, 3), np.uint8))
    fails(status.INPUT, "no frame", reader.finish)


def test_closing(viseme, weights):
    model = viseme.Model(weights)
    session, reader = model.session(), model.reader()
    model.close()  # closes its session and its reader before
    model.close()
    for call in (session.run, reader.finish, model.session, lambda: model.cpu):
        with pytest.raises(viseme.Error, match="closed"):
            call()
    session = viseme.Model(weights).session()  # the session keeps its model alive
    assert session.run(x=np.zeros((1, 3, 1, 64, 128)))["logits"].shape == (1, 1, 28)


def test_threads_share_a_model(viseme, model):
    x = seeded_weights.network_input("lipnet", "x")[:, :, :5]
    found = [None] * 3

    def work(i):
        found[i] = model.session(threads=1).run(x=x)["logits"]

    threads = [threading.Thread(target=work, args=(i,)) for i in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(np.array_equal(f, found[0]) for f in found)


def test_finds_the_library(viseme, tmp_path):
    """By VISEME_LIBRARY, beside the module, and under PREFIX; otherwise an ImportError."""
    def imported(folder, **env):
        keep = {k: v for k, v in os.environ.items() if k != "VISEME_LIBRARY"}
        return subprocess.run([sys.executable, "-c", "import viseme; print(viseme.version())"],
                              cwd=folder, env={**keep, **env}, capture_output=True, text=True)

    module = os.path.join(ROOT, "python", "viseme.py")
    prefix = tmp_path / "prefix" / "share" / "viseme" / "python"
    prefix.mkdir(parents=True)
    (tmp_path / "prefix" / "lib").mkdir()
    shutil.copy(module, prefix)
    done = imported(prefix)
    assert done.returncode == 1 and "set VISEME_LIBRARY" in done.stderr
    done = imported(prefix, VISEME_LIBRARY=LIBRARY)
    assert done.returncode == 0 and done.stdout.strip() == viseme.version()
    os.symlink(LIBRARY, tmp_path / "prefix" / "lib" / "libviseme.so.0")
    assert imported(prefix).returncode == 0
    beside = tmp_path / "beside"
    beside.mkdir()
    shutil.copy(module, beside)
    shutil.copy(LIBRARY, beside / "libviseme.so")
    assert imported(beside).returncode == 0
    done = imported(beside, VISEME_LIBRARY=str(tmp_path / "nothing.so"))
    assert done.returncode == 1 and "nothing.so" in done.stderr
    # a library that is not viseme's
    done = imported(beside, VISEME_LIBRARY="libc.so.6")
    assert done.returncode == 1 and "has no viseme_version" in done.stderr


def test_needs_only_numpy():
    """The module imports nothing but NumPy and the standard library."""
    with open(os.path.join(ROOT, "python", "viseme.py"), encoding="utf-8") as file:
        imports = [line.split()[1].split(".")[0] for line in file
                   if line.startswith(("import ", "from "))]
    assert set(imports) <= {"numpy", *sys.stdlib_module_names}


def test_words_at_given_times(viseme, tmp_path):
    """A word reader: a word for each span, by crops; numbers that are those of the softmax."""
    known = architectures.ARCHITECTURES["syncvsr_lrw"]
    config = {**known.config, "depth": 1, "heads": 1, "num_labels": 3, "hidden": 8,
              "frontend_widths": [4, 4, 4, 4], "audio_outputs": 320}
    tensors = {name: StoredTensor(value.tobytes, value.size, "F32", value.shape) for name, value
               in seeded.seeded_state(known.parameters(config)).items()}
    path = tmp_path / "words.safetensors"
    safetensors_io.write(path, tensors, "F32", {
        "viseme.format": "1", "viseme.arch": "syncvsr_lrw", "viseme.config": json.dumps(config),
        "viseme.vocab": '["ABOUT", "AFTER", "AGAIN"]'})
    crops = np.random.default_rng(1).integers(0, 256, (40, 96, 112, 3), np.uint8)
    with viseme.Model(path) as made:
        with viseme.Reader(made, spans=[(0.8, 1.2), (0.2, 0.6)], nbest=3) as reader:
            for crop in crops:
                reader.push_crop(crop)
            found = reader.finish()
        assert [(w.start_s, w.end_s) for w in found.words] == [(0.2, 0.6), (0.8, 1.2)]
        chances = np.exp(found.logits) / np.exp(found.logits).sum(1, keepdims=True)
        best = found.hypotheses[0]
        assert [w.confidence for w in best.words] == pytest.approx(chances.max(1), rel=1e-5)
        assert len(found.hypotheses) == 3 and best.confidence == \
            pytest.approx(np.sqrt(chances.max(1).prod()), rel=1e-5)
        with pytest.raises(viseme.Error, match="word 1"):
            viseme.Reader(made, spans=[(1, 0.5)])
