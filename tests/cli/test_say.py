"""`viseme say`: speech by a program, said by a picture."""
import os
import shutil
import stat

import numpy as np
import pytest

import pictures
from media import stream, wav

BOXED = ["--box", "16,48,16,48", "--blend", "hard"]

pytestmark = pytest.mark.usefixtures("has_video")


def script(path, text):
    path.write_text("#!/bin/sh\n" + text)
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


def test_say(viseme, nets, tmp_path):
    if not shutil.which("espeak-ng"):
        pytest.skip("espeak-ng is not installed")
    result = viseme("say", "Hello; `touch x` $(touch y)", "--avatar", "ada", "-o", "o.mp4", "-m",
                    nets / "copy.safetensors", "--face-model", "haar", "--json")
    told = result.json()
    assert told["frames_changed"] == told["frames"] > 10 and told["speech"] == "speech"
    assert os.listdir(tmp_path) == ["o.mp4"]
    assert stream(tmp_path / "o.mp4", "a")["codec_name"] == "aac"
    data = open(tmp_path / "o.mp4", "rb").read()
    assert b"ada.png" not in data and b"avatars" not in data and b"/proc" not in data


def test_say_by_another_program(viseme, nets, tmp_path):
    wav(tmp_path / "voice.wav", 0.4)
    speak = script(tmp_path / "speak", f'cat >{tmp_path}/text; test "$1" = -x && cat "$2"')
    picture = tmp_path / "p.png"
    pictures.write_png(picture, np.full((64, 64, 3), 90, np.uint8))
    result = viseme("say", "Ein Text; mit $HOME", "--face", picture, "-o", "o.mp4", "--json",
                    "--tts", f"{speak} -x {tmp_path}/voice.wav", "-m", nets / "copy.safetensors",
                    *BOXED)
    assert result.json()["frames"] == 10
    assert (tmp_path / "text").read_text() == "Ein Text; mit $HOME"


@pytest.mark.parametrize("body, code, words", [("exit 3", 3, ["speak", "code 3"]),
                                               ("kill -9 $$", 3, ["speak", "signal 9"]),
                                               ("cat >/dev/null", 5, ["speak", "no sound"])])
def test_say_fails(viseme, tmp_path, body, code, words):
    speak = script(tmp_path / "speak", body)
    viseme("say", "Hello", "--avatar", "ada", "-o", "o.mp4", "--tts", speak).error(code, *words)
    assert os.listdir(tmp_path) == ["speak"]


@pytest.mark.parametrize("options, words", [
    (["Hello", "-o", "o.mp4"], ["--avatar", "--face"]),
    (["Hello", "-o", "o.mp4", "--avatar", "ada", "--face", "x.png"], ["--avatar"]),
    ([" \n", "-o", "o.mp4", "--avatar", "ada"], ["empty"]),
    (["Hello", "--avatar", "ada"], ["-o"]),
    (["Hello", "-o", "o.mp4", "--avatar", "nobody"], ["nobody", "ada", "--face"]),
    (["Hello", "-o", "o.mp4", "--avatar", "../ada"], ["../ada"]),
    (["Hello", "-o", "o.mp4", "--avatar", "ada", "--tts", " "], ["--tts"]),
    (["Hello", "-o", "o.mp4", "--avatar", "ada", "--tts", "x", "--voice", "y"], ["--voice"])])
def test_say_refusals(viseme, options, words):
    viseme("say", *options).error(2, *words)


def test_say_without_espeak(viseme):
    viseme("say", "Hello", "--avatar", "ada", "-o", "o.mp4", env={"PATH": "/nonexistent"}).error(
        3, "espeak-ng", "--tts")
