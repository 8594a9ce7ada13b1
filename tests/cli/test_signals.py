"""Interrupted runs leave nothing half-written."""
import os
import signal
import subprocess
import time

import pytest

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
    args = ["read", "-q", "-m", weights, many, "-o", tmp_path / "out.txt"]
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
