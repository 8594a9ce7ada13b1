"""Help, usage errors, exit codes and the standard streams."""
import subprocess

import pytest

from conftest import COMMANDS, PROGRAM, environment


def test_no_command(viseme):
    result = viseme()
    assert result.code == 2 and result.out == "" and result.err.startswith("Usage: viseme ")


@pytest.mark.parametrize("args", [["--help"], ["-h"], ["help"], ["help", "--help"]])
def test_help(viseme, args):
    result = viseme(*args)
    assert result.code == 0 and result.err == ""
    for command in COMMANDS:
        assert f"\n  {command} " in result.out
    assert "Exit codes: 0 done" in result.out


@pytest.mark.parametrize("command", COMMANDS)
def test_help_of_commands(viseme, command):
    texts = [viseme(command, "--help"), viseme(command, "-h"), viseme("help", command),
             viseme(command, "too", "many", "--help")]
    for text in texts:
        assert text.code == 0 and text.err == ""
        assert text.out == texts[0].out
    assert texts[0].out.startswith(f"Usage: viseme {command} ")
    assert all(len(line) <= 100 for line in texts[0].out.splitlines())
    assert "-h, --help" in texts[0].out


def test_version(viseme):
    short = viseme("--version")
    assert short.code == 0 and short.out.startswith("viseme ") and short.out.count("\n") == 1
    whole = viseme("version")
    assert whole.code == 0 and whole.out.startswith(short.out.rstrip("\n") + " (")
    found = viseme("version", "--json").json()
    assert found["schema"] == 1 and found["status"] == "ok"
    assert short.out == f"viseme {found['version']}\n"
    assert found["cpu_levels"][0] == "c" and found["cpu_best"] == found["cpu_levels"][-1]


@pytest.mark.parametrize("args, words", [
    (["raed", "x"], ["no command 'raed'", "did you mean 'read'"]),
    (["transmogrify"], ["no command 'transmogrify'", "viseme --help"]),
    (["help", "raed"], ["did you mean 'read'"]),
    (["--nonsense"], ["no option '--nonsense'"]),
    (["read"], ["read: missing", "IN..."]),
    (["read", "x", "--modle", "y"], ["no option '--modle'", "did you mean '--model'"]),
    (["read", "x", "--modle=y"], ["did you mean '--model'"]),
    (["read", "x", "--xyzzy"], ["no option '--xyzzy'", "viseme read --help"]),
    (["read", "x", "-X"], ["no option '-X'"]),
    (["read", "x", "-qX"], ["no option '-qX'"]),
    (["read", "x", "--model"], ["--model needs a value"]),
    (["read", "x", "-m"], ["-m needs a value"]),
    (["read", "x", "--model="], ["--model is empty"]),
    (["read", "x", "--json=1"], ["--json takes no value"]),
    (["read", "x", "--beam", "ten"], ["--beam wants a whole number, not 'ten'"]),
    (["read", "x", "--beam", "2.5"], ["--beam wants a whole number, not '2.5'"]),
    (["read", "x", "--beam=-1"], ["--beam must be from 0 to 1000, not -1"]),
    (["read", "x", "--beam", "1001"], ["from 0 to 1000"]),
    (["read", "x", "--beam", "99999999999999999999"], ["from 0 to 1000"]),
    (["read", "x", "-t", "257"], ["--threads must be from 0 to 256"]),
    (["read", "x", "--fps", "nan"], ["--fps wants a number"]),
    (["read", "x", "--fps", "0"], ["--fps must be from"]),
    (["read", "x", "--format", "doc"], ["--format must be one of txt, json, srt", "not 'doc'"]),
    (["read", "x", "--cpu", "sse"], ["--cpu must be one of c, avx2, avx512"]),
    (["read", "x", "--nbest", "3"], ["--nbest 3 needs --beam 3"]),
    (["read", "x", "--beam", "2", "--nbest", "3"], ["the beam is 2"]),
    (["read", "x", "y", "--emissions", "e.npy"], ["--emissions takes one input"]),
    (["read", "x", "--emissions", "-"], ["name a file with -o"]),
    (["read", ""], ["operand 1 is empty"]),
    (["face", "x", "y"], ["'y' is one too many"]),
    (["eval", "x"], ["missing an operand", "REF HYP"]),
    (["models", "frob", "x"], ["'frob' is neither show nor verify"]),
    (["models", "show"], ["missing an operand"]),
    (["run", "x", "-i", "x"], ["--input wants NAME=FILE, not 'x'"]),
    (["run", "x", "-i", "=x"], ["NAME=FILE"]),
    (["run", "x", "-i", "x=1", "-i", "x=2"], ["--input x is there twice"]),
    (["run", "x", "--json", "-o", "y=-"], ["not both"]),
    (["version", "x"], ["'x' is one too many"]),
])
def test_usage_errors(viseme, args, words):
    result = viseme(*args).error(2, *words)
    assert result.out == ""


def test_options_anywhere_and_joined(viseme, weights, faces, text):
    """Long with =, long with a space, short joined, after the operands, several short in one."""
    for args in (["read", faces, f"--model={weights}", "--threads=1", "--quiet"],
                 ["read", "--model", weights, faces, "-qt1"],
                 ["read", "-qm" + weights, "-t", "1", "--", faces]):
        result = viseme(*args)
        assert (result.code, result.out) == (0, text)


def test_closed_and_full_output(shell, weights, faces, tmp_path):
    (tmp_path / "ref").write_text("a b\n")
    for command in ("version", "--help", "eval ref ref", f"models show {weights}",
                    f"read -q -m {weights} '{faces}'", f"read -qm {weights} --json '{faces}'",
                    f"face '{faces}'"):
        for where in (">&-", ">/dev/full"):
            result = shell(f"$VISEME {command} {where}")
            result.error(1, "written")


def test_broken_pipe(weights):
    done = subprocess.Popen([PROGRAM, "models", "show", "-v", weights], env=environment(),
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    done.stdout.close()
    err = done.stderr.read().decode()
    done.stderr.close()
    assert done.wait() == 1 and "Broken pipe" in err
