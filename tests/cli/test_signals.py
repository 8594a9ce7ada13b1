"""Interrupted runs, full disks and runs side by side leave nothing half-written."""
import json
import os
import resource
import signal
import subprocess
import time

import pytest

import pictures
from conftest import PROGRAM, environment


@pytest.fixture
def many(faces, tmp_path):
    """So many frames that a run lasts long enough to be interrupted."""
    folder = tmp_path / "many"
    folder.mkdir()
    for i in range(3000):
        os.symlink(f"{faces}/{i % 12:03d}.png", folder / f"{i:05d}.png")
    return folder


def interrupt(args, number, folder, cwd):
    """Starts the program, sends the signal once something new is in `folder`; the exit status."""
    before = set(os.listdir(folder))
    process = subprocess.Popen([PROGRAM, *map(str, args)], cwd=cwd, env=environment(),
                               stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                               stderr=subprocess.DEVNULL)
    end = time.monotonic() + 60
    while set(os.listdir(folder)) == before:
        assert process.poll() is None and time.monotonic() < end
        time.sleep(0.01)
    time.sleep(0.3)
    assert process.poll() is None
    process.send_signal(number)
    code = process.wait(timeout=60)
    assert set(os.listdir(folder)) == before
    return code


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_read(weights, many, tmp_path, number):
    args = ["read", "-q", "-m", weights, many, "-o", tmp_path / "out.txt", "--emissions",
            tmp_path / "e.npy", "--report", tmp_path / "r.json"]
    assert interrupt(args, number, tmp_path, tmp_path) == -number


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_face(many, tmp_path, number):
    args = ["face", "-q", many, "--crops", tmp_path / "crops", "--draw", tmp_path / "drawn"]
    assert interrupt(args, number, tmp_path, tmp_path) == -number


def test_shell_sees_130(shell, many, weights):
    """What a shell calls a death by SIGINT. timeout(1) passes the status on."""
    result = shell("timeout --preserve-status -s INT 1 "
                   f"$VISEME read -q -m {weights} {many}; echo $?")
    assert result.out == "130\n"


def test_read_with_plot(weights, many, tmp_path):
    args = ["read", "-q", "-m", weights, many, "-o", tmp_path / "out.txt", "--plot",
            tmp_path / "p.png"]
    assert interrupt(args, signal.SIGINT, tmp_path, tmp_path) == -signal.SIGINT


# ---- Full disks --------------------------------------------------------------------------------

# Options of one output each, and how many bytes fit before the disk is full.
OUTPUTS = [("read", ["--emissions", "e.npy"], 100), ("read", ["--emissions", "e.npy"], 0),
           ("read", ["-o", "o.txt"], 0), ("read", ["--json", "-o", "o.json"], 64),
           ("read", ["--report", "r.json"], 1000), ("read", ["--plot", "p.png"], 5000),
           ("face", ["--crops", "crops"], 3000), ("face", ["--draw", "drawn"], 3000),
           ("face", ["--crops-npy", "x.npy"], 4096)]


@pytest.mark.parametrize("command, options, room", OUTPUTS)
def test_full_disk(weights, faces, tmp_path, command, options, room):
    """A file may not grow beyond `room` bytes, as on a full disk: code 1 and nothing is left."""
    def limit():
        resource.setrlimit(resource.RLIMIT_FSIZE, (room, resource.RLIM_INFINITY))

    model = ["-m", weights] if command == "read" else []
    (tmp_path / "kept").write_text("kept")
    done = subprocess.run([PROGRAM, command, "-q", *model, faces, *options], cwd=tmp_path,
                          env=environment(), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, preexec_fn=limit, timeout=240)
    err = done.stderr.decode()
    if "--plot" in options and done.returncode == 2:
        pytest.skip("built without cairo")
    assert done.returncode == 1 and err.startswith("viseme: ") and err.count("\n") == 1, err
    assert os.listdir(tmp_path) == ["kept"]


def test_full_disk_keeps_the_old_file(weights, faces, tmp_path):
    """What was there under the name of an output is not lost."""
    (tmp_path / "r.json").write_text("old")
    done = subprocess.run([PROGRAM, "read", "-q", "-m", weights, faces, "--report", "r.json"],
                          cwd=tmp_path, env=environment(), stdin=subprocess.DEVNULL,
                          stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=240,
                          preexec_fn=lambda: resource.setrlimit(
                              resource.RLIMIT_FSIZE, (100, resource.RLIM_INFINITY)))
    assert done.returncode == 1
    assert (tmp_path / "r.json").read_text() == "old" and os.listdir(tmp_path) == ["r.json"]


# ---- Two runs at once --------------------------------------------------------------------------

def start(tmp_path, *args):
    return subprocess.Popen([PROGRAM, *map(str, args)], cwd=tmp_path, env=environment(),
                            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE)


def test_two_runs_at_once(weights, faces, text, tmp_path):
    """Three runs write the same files: each is whole, of one of them."""
    runs = [start(tmp_path, "read", "-q", "-m", weights, faces, "-o", "o.txt", "--report",
                  "r.json", "--emissions", "e.npy") for _ in range(3)]
    for run in runs:
        out, err = run.communicate(timeout=240)
        assert (run.returncode, out, err) == (0, b"", b"")
    assert sorted(os.listdir(tmp_path)) == ["e.npy", "o.txt", "r.json"]
    assert (tmp_path / "o.txt").read_text() == text
    assert json.loads((tmp_path / "r.json").read_text())["exit_code"] == 0


def test_two_runs_to_one_folder(faces, tmp_path):
    """The first one that ends has the folder; the other says so and leaves nothing."""
    runs = [start(tmp_path, "face", "-q", faces, "--crops", "crops") for _ in range(2)]
    codes = []
    for run in runs:
        _, err = run.communicate(timeout=240)
        codes.append(run.returncode)
        assert run.returncode == 0 or err.decode().startswith("viseme: crops: ")
    assert sorted(codes) == [0, 1] and os.listdir(tmp_path) == ["crops"]
    names = sorted(os.listdir(tmp_path / "crops"))
    assert names == [f"{i:06d}.png" for i in range(12)]
    for name in names:
        pictures.read_png(tmp_path / "crops" / name)
