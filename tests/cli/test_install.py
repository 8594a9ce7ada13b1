"""make install: what lies where, and that other programs can use it. The examples are compiled with
pkg-config against the installed copy and run."""
import json
import os
import re
import shlex
import shutil
import stat
import subprocess
import sys

import numpy as np
import pytest

import pictures
from conftest import COMMANDS, GOLDENS, PROGRAM, ROOT, SMALL, environment

BUILD = os.path.dirname(PROGRAM)
CC = os.environ.get("CC", "cc")
pytestmark = pytest.mark.skipif(
    SMALL, reason="a library with sanitizers needs programs with sanitizers")


def facts():
    done = subprocess.run([PROGRAM, "version", "--json"], stdout=subprocess.PIPE, check=True)
    return json.loads(done.stdout)


def install(*variables):
    subprocess.run(["make", "-s", "install-files", f"BUILD={BUILD}",
                    f"BLAS={int(bool(facts()['blas']))}", *variables], cwd=ROOT, check=True,
                   stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)


def files(root):
    return {os.path.relpath(os.path.join(folder, name), root)
            for folder, _, names in os.walk(root) for name in names}


@pytest.fixture(scope="module")
def prefix(tmp_path_factory):
    if not shutil.which("make") or not os.path.exists(os.path.join(BUILD, "libviseme.so")):
        pytest.skip("make or libviseme.so is not here")
    folder = tmp_path_factory.mktemp("prefix")
    install(f"PREFIX={folder}")
    return str(folder)


def test_files(prefix):
    version = facts()["version"]
    expected = {"bin/viseme", "include/viseme.h", "lib/libviseme.a", "lib/libviseme.so",
                "lib/libviseme.so.0", f"lib/libviseme.so.{version}", "lib/pkgconfig/viseme.pc",
                "share/man/man1/viseme.1", "share/bash-completion/completions/viseme",
                "share/zsh/site-functions/_viseme", "share/viseme/python/viseme.py",
                "share/doc/viseme/LICENSE"}
    for folder, to, ending in (("weights", "", ".safetensors"), ("weights", "", ".md"),
                               ("grammars", "grammars/", ".txt"),
                               ("assets/avatars", "avatars/", (".png", ".json"))):
        expected |= {f"share/viseme/{to}{name}" for name in os.listdir(os.path.join(ROOT, folder))
                     if name.endswith(ending)}
    expected |= {f"share/doc/viseme/examples/{name}"
                 for name in os.listdir(os.path.join(ROOT, "examples"))}
    found = files(prefix)
    assert found == expected
    for name in found:
        mode = stat.S_IMODE(os.stat(os.path.join(prefix, name)).st_mode)
        program = name == "bin/viseme" or name.startswith("lib/libviseme.so")
        assert mode == (0o755 if program else 0o644), (name, oct(mode))


def test_staged(prefix, tmp_path):
    """DESTDIR is where things lie now, not what they say."""
    install("PREFIX=/usr", "LIBDIR=/usr/lib/here", f"DESTDIR={tmp_path}")
    moved = {re.sub("^lib/", "lib/here/", name) for name in files(prefix)}
    assert files(tmp_path) == {f"usr/{name}" for name in moved}
    text = (tmp_path / "usr/lib/here/pkgconfig/viseme.pc").read_text()
    assert "prefix=/usr\n" in text and "libdir=/usr/lib/here\n" in text and "@" not in text
    for name in ("share/man/man1/viseme.1", "share/viseme/python/viseme.py"):
        assert str(tmp_path) not in (tmp_path / "usr" / name).read_text()


def test_man_page(prefix, viseme):
    page = os.path.join(prefix, "share/man/man1/viseme.1")
    if not shutil.which("groff"):
        pytest.skip("groff is not installed")
    done = subprocess.run(["groff", "-man", "-ww", "-Tutf8", "-P-cbou", "-rLL=100n", page],
                          capture_output=True, check=True)
    assert done.stderr == b""
    text = " ".join(done.stdout.decode().replace("\u2010\n", "").split())
    assert "@" not in text
    for command in COMMANDS:
        shown = viseme(command, "--help").out
        assert " ".join(shown.splitlines()[0][len("Usage: "):].split()) in text
        options = re.findall(r"^(?:  -., |      )(--[a-z-]+(?: [^ \n]+)?)(?:  |$)", shown, re.M)
        assert "--help" in options
        for option in options:
            assert option in text, option
    for code in ("0 done", "9 some files of several failed"):
        assert code in text


# ---- for programs in C

def pkg_config(prefix, *options):
    if not shutil.which("pkg-config"):
        pytest.skip("pkg-config is not installed")
    done = subprocess.run(["pkg-config", *options, "viseme"], check=True, stdout=subprocess.PIPE,
                          env=environment(PKG_CONFIG_PATH=f"{prefix}/lib/pkgconfig"))
    return shlex.split(done.stdout.decode())


@pytest.fixture(scope="module", params=["shared", "static"])
def examples(request, prefix, tmp_path_factory):
    """Compiles the installed examples; calls one: examples(name, *arguments, stdin=bytes)."""
    folder = tmp_path_factory.mktemp(request.param)
    flags = pkg_config(prefix, "--cflags", "--libs")
    if request.param == "static":
        flags = ["-l:libviseme.a" if f == "-lviseme" else f
                 for f in pkg_config(prefix, "--cflags", "--libs", "--static")]
    for name in ("read_frames", "run_tensors"):
        source = os.path.join(prefix, "share/doc/viseme/examples", name + ".c")
        subprocess.run([CC, "-std=c99", "-Wall", "-Wextra", "-pedantic", "-Werror", source, *flags,
                        "-o", str(folder / name)], check=True)

    def call(name, *arguments, stdin=b""):
        more = {"LD_LIBRARY_PATH": f"{prefix}/lib"} if request.param == "shared" else {}
        return subprocess.run([folder / name, *map(str, arguments)], input=stdin,
                              capture_output=True, env=environment(**more), timeout=120)

    return call


def test_version_by_pkg_config(prefix):
    assert pkg_config(prefix, "--modversion") == [facts()["version"]]
    assert pkg_config(prefix, "--variable=prefix") == [prefix]


def test_run_tensors(examples, weights, network_input):
    x, golden = np.load(network_input), np.load(os.path.join(GOLDENS, "lipnet", "logits.npy"))
    done = examples("run_tensors", weights, *x.shape, stdin=x.tobytes())
    assert done.returncode == 0 and done.stderr == b"logits [1 75 28]\n"
    logits = np.frombuffer(done.stdout, np.float32).reshape(golden.shape)
    assert np.abs(logits - golden).max() <= 1e-5 * np.ptp(golden)


def test_run_tensors_refusals(examples, weights):
    assert examples("run_tensors", weights).returncode == 2
    for arguments, words in (((weights, 2), b"fewer than 2"), ((weights, 0), b"no size"),
                             ((weights, 1), b"wants [N 3 T 64 128]"), (("none", 1), b"none")):
        done = examples("run_tensors", *arguments, stdin=bytes(4))
        assert done.returncode == 1 and words in done.stderr and done.stdout == b""


def raw_frames():
    """The frames of the fixture `faces`, as raw B G R bytes, and their size."""
    frames = [np.asarray(pictures.face(opening=i % 4 / 3), np.uint8) for i in range(12)]
    height, width = frames[0].shape[:2]
    return b"".join(f[..., ::-1].tobytes() for f in frames), width, height


def test_read_frames(examples, weights, cascade, text):
    frames, width, height = raw_frames()
    done = examples("read_frames", weights, cascade, width, height, 25, stdin=frames)
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout.decode() == text


def test_read_frames_refusals(examples, weights, cascade):
    assert examples("read_frames", weights, cascade, 0, 1, 25).returncode == 2
    for arguments, words in (((weights, "none.xml", 9, 9, 25), b"none.xml"),
                             (("none", cascade, 9, 9, 25), b"none"),
                             ((weights, cascade, 9, 9, 25), b"no frame")):
        done = examples("read_frames", *arguments)
        assert done.returncode == 1 and words in done.stderr and done.stdout == b""


# ---- the program and the Python module where they were put

def test_installed_program_finds_its_weights(prefix, faces, cascade, viseme):
    program = os.path.join(prefix, "bin", "viseme")
    result = viseme("read", "--json", faces, program=program)
    assert result.code == 0, result.err
    assert result.json()["model"]["path"] == f"{prefix}/share/viseme/lipnet.safetensors"


def test_python_module(prefix):
    done = subprocess.run([sys.executable, "-c", "import viseme; print(viseme.version())"],
                          cwd=os.path.join(prefix, "share/viseme/python"), env=environment(),
                          capture_output=True, text=True)
    assert done.stdout.strip() == facts()["version"], done.stderr
