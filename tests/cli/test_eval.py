"""viseme eval, with numbers worked out by hand."""
import pytest


@pytest.fixture
def evaluate(viseme, tmp_path):
    def call(ref, hyp, *options):
        for name, text in (("ref", ref), ("hyp", hyp)):
            (tmp_path / name).write_bytes(text if isinstance(text, bytes) else text.encode())
        return viseme("eval", *options, "ref", "hyp")

    return call


def counts(edits):
    return tuple(edits[k] for k in ("substitutions", "deletions", "insertions", "reference"))


def test_by_line(evaluate):
    ref = "Bin blue at F two now.\nplace red with g three soon\n"
    hyp = "bin blue at f two now\nred in g three soon soon\n"
    # Line 2: place is deleted, with becomes in, soon is inserted: 3 edits of 12 words.
    found = evaluate(ref, hyp, "--json").json()
    assert found["schema"] == 1 and found["status"] == "ok"
    assert found["utterances"] == 2 and found["exact"] == 1
    assert counts(found["words"]) == (1, 1, 1, 12)
    assert found["words"]["error_rate"] == 0.25
    assert found["characters"]["reference"] == 21 + 27
    text = evaluate(ref, hyp)
    assert text.code == 0 and text.err == ""
    assert text.out.startswith("WER 25.00 %  (S 1, D 1, I 1, N 12 words)\nCER ")
    assert "punctuation dropped" in text.out and "matched by line" in text.out


def test_characters(evaluate):
    found = evaluate("kitten\n", "sitting\n", "--json").json()
    assert counts(found["characters"]) == (2, 0, 1, 6)
    assert found["characters"]["error_rate"] == 0.5
    assert counts(found["words"]) == (1, 0, 0, 1)


def test_sums_over_the_corpus(evaluate):
    """One wrong word of one and none of nine are 10 %, not the mean 50 %."""
    found = evaluate("a\nb c d e f g h i j\n", "x\nb c d e f g h i j\n", "--json").json()
    assert found["words"]["error_rate"] == 0.1


def test_by_id(evaluate):
    found = evaluate("u1\ta b\nu2\tc d\nu3\te\n", "u3\te\nu1\ta\nu2\tc d x\n", "--json").json()
    assert counts(found["words"]) == (0, 1, 1, 5) and found["exact"] == 1


def test_stem(evaluate):
    ref, hyp = "s1_a\thello there\n", "some/where/s1_a.mpg\thello there\n"
    evaluate(ref, hyp).error(3, "s1_a")
    assert evaluate(ref, hyp, "--stem").code == 0


def test_normalisation(evaluate):
    found = evaluate("Don\u2019t STOP \u00c9l\u00e8ve, \u201cnow\u201d\n",
                     "don't stop \u00e9l\u00e8ve now\n", "--json").json()
    assert found["exact"] == 1 and found["words"]["reference"] == 4


def test_line_ends_and_blanks(evaluate):
    found = evaluate(b"\xef\xbb\xbfa b\r\n\r\nc", b"a b\n\nc\n", "--json").json()
    assert found["utterances"] == 3 and found["exact"] == 3


def test_empty_reference(evaluate):
    found = evaluate("\n", "a b\n", "--json").json()
    assert found["words"]["error_rate"] is None and counts(found["words"]) == (0, 0, 2, 0)
    assert evaluate("\n", "a b\n").out.startswith("WER undefined  (S 0, D 0, I 2, N 0 words)\n")


@pytest.mark.parametrize("ref, hyp, words", [
    ("a\nb\n", "a\n", ["ref has 2 lines", "hyp has 1"]),
    ("", "", ["no utterance"]),
    ("x\ta\n", "a\n", ["has ids"]),
    ("x\ta\ny\tb\n", "x\ta\n", ["1 of the 2 ids", "y"]),
    ("x\ta\n", "x\ta\nz9\tb\n", ["z9"]),
    ("x\ta\nx\tb\n", "x\ta\n", ["'x' is on lines 1 and 2"]),
    ("x\ta\nb\n", "x\ta\n", ["line 2 has no tab"]),
    ("\ta\n", "\ta\n", ["line 1 has an empty id"]),
    (b"a\n\xff\n", "a\nb\n", ["line 2", "not UTF-8"]),
])
def test_refusals(evaluate, ref, hyp, words):
    assert evaluate(ref, hyp).error(3, *words).out == ""


def test_missing_file(viseme):
    result = viseme("eval", "--json", "nothere", "nothere")
    result.error(3, "nothere")
    assert result.json()["status"] == "error" and "nothere" in result.json()["reason"]
