"""What the tests of weights-tools share."""
import os
import sys
import types

import pytest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
TOOLS = os.path.join(ROOT, "weights-tools")
GOLDENS = os.path.join(ROOT, "tests", "goldens")
SHARED_WEIGHTS = os.path.join(ROOT, os.pardir, "shared", "weights")
sys.path.insert(0, TOOLS)


@pytest.fixture(scope="session")
def state():
    """The stand-in weights of LipNet: {name: float32 array}, in the order of the network."""
    import seeded_weights
    return seeded_weights.weights("lipnet")


@pytest.fixture
def run_convert(capsys):
    """Calls convert.py's main(); the result has code, out and err."""
    import convert

    def call(*argv):
        code = convert.main([str(a) for a in argv])
        captured = capsys.readouterr()
        return types.SimpleNamespace(code=code, out=captured.out, err=captured.err)

    return call


@pytest.fixture
def refused(run_convert, tmp_path):
    """Converts and demands a clean refusal: the exit code, one sentence on stderr that has all of
    `words`, nothing on stdout and no new file. Returns the sentence."""

    def call(path, *words, code=6, options=()):
        before = set(os.listdir(tmp_path))
        result = run_convert(path, "-o", tmp_path / "refused.safetensors", *options)
        assert result.code == code, result.err
        assert result.out == ""
        assert result.err.startswith("convert.py: ") and result.err.count("\n") == 1
        for word in words:
            assert word in result.err
        assert set(os.listdir(tmp_path)) == before
        return result.err

    return call
