"""viseme completion: the shells accept it, and complete what the program's tables have."""
import re
import shutil
import subprocess

import pytest

from conftest import COMMANDS


def options_of(viseme, command):
    """{option: its value or ""} as --help shows them."""
    found = {}
    for line in viseme(command, "--help").out.splitlines():
        match = re.match(r"  (?:(-.), |    )--([a-z-]+)(?: (\S+))?(?:  .*)?$", line)
        if match:
            letter, name, value = match.groups()
            found["--" + name] = value or ""
            if letter:
                found[letter] = value or ""
    assert "--help" in found
    return found


@pytest.fixture
def bash(viseme, tmp_path):
    """What bash offers for a command line, cursor at its end, in a folder with some files."""
    if not shutil.which("bash"):
        pytest.skip("bash is not installed")
    made = viseme("completion", "bash")
    assert made.code == 0 and made.err == ""
    (tmp_path / "complete").write_text(made.out)
    for name in ("clip one.mp4", "clip2.mp4", "-odd.mp4"):
        (tmp_path / name).write_text("")
    (tmp_path / "crops").mkdir()

    def call(*words):
        script = ("set -eu; source ./complete; COMP_WORDS=(\"$@\"); COMP_CWORD=$(($# - 1)); "
                  "compopt() { :; }; _viseme || :; printf '%s\\n' \"${COMPREPLY[@]}\"")
        done = subprocess.run(["bash", "-c", script, "bash", "viseme", *words], cwd=tmp_path,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        assert done.returncode == 0 and done.stderr == "", done.stderr
        return [line for line in done.stdout.splitlines() if line]

    return call


def test_bash_commands(bash):
    assert set(bash("")) == {*COMMANDS, "help", "--help", "--version"}
    assert bash("mo") == ["models"]
    assert set(bash("help", "")) >= set(COMMANDS)


@pytest.mark.parametrize("command", COMMANDS)
def test_bash_options(bash, viseme, command):
    assert set(bash(command, "-")) == set(options_of(viseme, command)) | {"-h"}


def test_bash_values(bash):
    assert bash("read", "--cpu", "av") == ["avx2", "avx512"]
    assert bash("read", "--cpu", "=", "av") == ["avx2", "avx512"]
    assert bash("read", "--format", "=")[:2] == ["txt", "json"]
    assert bash("read", "--beam", "") == []
    assert bash("face", "--crops", "c") == ["crops"]
    assert set(bash("read", "-m", "clip")) == {"clip one.mp4", "clip2.mp4"}
    assert set(bash("read", "-q", "clip")) == {"clip one.mp4", "clip2.mp4"}
    assert bash("run", "-i", "x", "=", "clip2") == ["clip2.mp4"]


def test_bash_operands(bash):
    assert bash("models", "") == ["show", "verify"]
    assert bash("models", "-v", "s") == ["show"]
    assert "clip2.mp4" in bash("models", "show", "")
    assert bash("completion", "") == ["bash", "zsh"]
    assert bash("version", "") == []


@pytest.fixture
def zsh(viseme, tmp_path):
    """Calls _viseme with zsh's helpers replaced by ones that print their arguments."""
    if not shutil.which("zsh"):
        pytest.skip("zsh is not installed")
    made = viseme("completion", "zsh")
    assert made.code == 0 and made.out.startswith("#compdef viseme\n")
    (tmp_path / "_viseme").write_text(made.out)
    subprocess.run(["zsh", "-n", "_viseme"], cwd=tmp_path, check=True)

    def call(state, *words):
        script = ("_arguments() { if [[ $1 == -s ]]; then print -rl -- \"$@\"; else state=$STATE; "
                  "fi }; _describe() { print -rl -- \"${(@P)2}\" }; words=(\"$@\"); . ./_viseme")
        done = subprocess.run(["zsh", "-f", "-c", script, "zsh", *words], cwd=tmp_path,
                              env={"STATE": state, "PATH": "/usr/bin:/bin"},
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        assert done.returncode == 0 and done.stderr == "", done.stderr
        return done.stdout.splitlines()

    return call


def test_zsh_commands(zsh):
    found = {line.split(":")[0] for line in zsh("command")}
    assert found == {*COMMANDS, "help"}


@pytest.mark.parametrize("command", COMMANDS)
def test_zsh_options(zsh, viseme, command):
    """Every option stands in one specification, with its help and what its value is."""
    specifications = zsh("argument", command)[1:]
    found = {}
    for s in specifications:
        match = re.match(r"(?:\([^)]*\))?\*?(-[^[]*)\[((?:[^]\\]|\\.)*)\](?::([^:]*):(.*))?$", s)
        if match:
            found[match[1]] = match[3] or ""
            assert match[2], s
        else:
            assert re.match(r"(\*|\d):", s), s
    assert found == {**options_of(viseme, command), "-h": ""}


def test_zsh_values(zsh):
    read = "\n".join(zsh("argument", "read"))
    assert ":LEVEL:(c avx2 avx512)" in read and ":FILE:_files" in read and "*:file:_files" in read
    assert ":DIR:_files -/" in "\n".join(zsh("argument", "face"))
    assert any(s.startswith("1:") and s.endswith("(show verify)")
               for s in zsh("argument", "models"))
    assert any(s.startswith("*-i[") for s in zsh("argument", "run"))


def test_usage(viseme):
    viseme("completion").error(2, "completion: missing", "bash|zsh")
    viseme("completion", "fish").error(2, "fish", "neither bash nor zsh")
