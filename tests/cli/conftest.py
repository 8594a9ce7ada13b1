"""What the tests of the program share: the program itself, stand-in weights, pictures, videos.

The program is $VISEME_BIN, else viseme in $VISEME_BUILD, else build/viseme."""
import json
import os
import shutil
import subprocess
import sys

import pytest

import pictures
import stand_ins

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
GOLDENS = os.path.join(ROOT, "tests", "goldens")
CLIPS = os.path.join(ROOT, os.pardir, "shared", "clips", "grid")
PROGRAM = os.path.abspath(os.environ.get("VISEME_BIN") or os.path.join(
    ROOT, os.environ.get("VISEME_BUILD") or "build", "viseme"))
CASCADES = ["/usr/share/opencv4/haarcascades/haarcascade_frontalface_alt2.xml",
            "/usr/share/opencv/haarcascades/haarcascade_frontalface_alt2.xml"]
SMALL = bool(os.environ.get("VISEME_TEST_SMALL"))  # a slow build: fewer runs will do
COMMANDS = ["read", "dub", "say", "sync", "score", "speakers", "face", "eval", "run", "models",
            "version", "completion"]


class Result:
    def __init__(self, done):
        self.code = done.returncode
        self.out = done.stdout.decode()
        self.err = done.stderr.decode(errors="replace")

    def json(self):
        """Standard output, which must be one JSON object on one line and nothing else."""
        assert self.out.endswith("\n") and self.out.count("\n") == 1, self.out
        return strict(self.out)

    def error(self, code, *words):
        """Demands an exit code and one error line that has all of `words`."""
        assert self.code == code, (self.code, self.err)
        assert self.err.startswith("viseme: ") and self.err.count("\n") == 1, self.err
        for word in words:
            assert str(word) in self.err, self.err
        return self


def strict(text):
    """Parses JSON without the NaN and Infinity that Python would let pass."""
    def refuse(word):
        raise AssertionError(f"{word} in JSON")

    return json.loads(text, parse_constant=refuse)


def environment(**more):
    env = {k: v for k, v in os.environ.items() if not k.startswith("VISEME_")}
    env.update(more)
    return env


@pytest.fixture
def viseme(tmp_path):
    """Runs the program in an empty folder: viseme("read", path, env={...}, cwd=...)."""
    def call(*args, env=None, cwd=tmp_path, program=PROGRAM, stdout=subprocess.PIPE):
        done = subprocess.run([program, *map(str, args)], cwd=cwd, env=environment(**(env or {})),
                              stdin=subprocess.DEVNULL, stdout=stdout, stderr=subprocess.PIPE,
                              timeout=240)
        if stdout != subprocess.PIPE:
            done.stdout = b""
        return Result(done)

    return call


@pytest.fixture
def shell(tmp_path):
    """Runs a line of sh with the program as $VISEME."""
    def call(line, **env):
        return Result(subprocess.run(["sh", "-c", line], cwd=tmp_path,
                                     env=environment(VISEME=PROGRAM, **env),
                                     stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                     stderr=subprocess.PIPE, timeout=240))

    return call


def seeded(path, *args):
    subprocess.run([sys.executable, os.path.join(ROOT, "weights-tools", "seeded_weights.py"),
                    "lipnet", *args, "-o", str(path)], check=True)
    return str(path)


@pytest.fixture(scope="session")
def weights(tmp_path_factory):
    """LipNet with stand-in numbers: fast to make, reads nonsense."""
    return seeded(tmp_path_factory.mktemp("weights") / "lipnet.safetensors")


@pytest.fixture(scope="session")
def network_input(tmp_path_factory):
    """The input that belongs to tests/goldens/lipnet/logits.npy."""
    return seeded(tmp_path_factory.mktemp("input") / "x.npy", "--input", "x")


@pytest.fixture(scope="session")
def cascade():
    for path in CASCADES:
        if os.path.exists(path):
            return path
    pytest.skip("opencv-data is not installed")


@pytest.fixture(scope="session")
def faces(tmp_path_factory, cascade):
    """A folder of 12 PNG frames with a drawn face."""
    folder = tmp_path_factory.mktemp("faces")
    for i in range(12):
        pictures.write_png(folder / f"{i:03d}.png", pictures.face(opening=i % 4 / 3))
    return str(folder)


@pytest.fixture(scope="session")
def text(weights, faces):
    """The line that `viseme read` prints for `faces`."""
    done = subprocess.run([PROGRAM, "read", "-m", weights, faces], env=environment(), check=True,
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
    return done.stdout.decode()


@pytest.fixture(scope="session")
def walls(tmp_path_factory):
    """A folder of 12 PNG frames with nothing in them."""
    folder = tmp_path_factory.mktemp("walls")
    for i in range(12):
        pictures.write_png(folder / f"{i:03d}.png", pictures.wall())
    return str(folder)


@pytest.fixture(scope="session")
def has_video():
    """Skips where the program was built without FFmpeg's libraries."""
    done = subprocess.run([PROGRAM, "version", "--json"], stdout=subprocess.PIPE, check=True)
    if strict(done.stdout.decode())["ffmpeg"] is None:
        pytest.skip("built without FFmpeg")


@pytest.fixture(scope="session")
def make_video(tmp_path_factory, has_video):
    """Encodes PNG frames of a folder, or a lavfi source: make_video(name, input options ...)."""
    if not shutil.which("ffmpeg"):
        pytest.skip("the ffmpeg program is not installed")
    folder = tmp_path_factory.mktemp("videos")

    def call(name, *options):
        path = folder / name
        subprocess.run(["ffmpeg", "-v", "error", "-y", *map(str, options), str(path)], check=True,
                       stdin=subprocess.DEVNULL)
        return str(path)

    return call


@pytest.fixture(scope="session")
def face_video(make_video, faces):
    return make_video("face.mp4", "-framerate", 25, "-i", faces + "/%03d.png", "-pix_fmt",
                      "yuv420p")


@pytest.fixture(scope="session")
def clips():
    """Real clips, where they are."""
    if not os.path.isdir(CLIPS):
        pytest.skip("../shared/clips is not here")
    return CLIPS


@pytest.fixture(scope="session")
def nets(tmp_path_factory):
    """A folder of stand-ins for the networks that move lips: copy, green, syncnet_color."""
    folder = tmp_path_factory.mktemp("nets")
    stand_ins.generator(folder / "copy.safetensors")
    stand_ins.generator(folder / "green.safetensors", stand_ins.GREEN,
                        **{"viseme.card.faces": "no face"})
    stand_ins.expert(folder / "syncnet_color.safetensors")
    return folder


@pytest.fixture(scope="session")
def mesh_networks(tmp_path_factory):
    """A folder with the real BlazeFace and FaceMesh, where they are, converted."""
    third_party = os.path.join(ROOT, os.pardir, "shared", "weights", "third_party")
    if not os.path.isdir(third_party):
        pytest.skip("../shared/weights is not here")
    folder = tmp_path_factory.mktemp("networks")
    for source, name in (("blazeface.pth", "blazeface"), ("blazeface_landmark.pth", "facemesh")):
        subprocess.run([sys.executable, os.path.join(ROOT, "weights-tools", "convert.py"),
                        os.path.join(third_party, source), "-o",
                        str(folder / f"{name}.safetensors")], check=True,
                       stdout=subprocess.DEVNULL)
    return folder
