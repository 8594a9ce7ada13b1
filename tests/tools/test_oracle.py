"""The homophene oracle: weights-tools/synth/oracle.py."""
import math
import random

import pytest

from conftest import TOOLS  # noqa: F401  puts weights-tools on the path

sentences = pytest.importorskip("synth.sentences")
oracle = pytest.importorskip("synth.oracle")

GRAMMAR = """
$sentence = $thing $sound [$sound] [please]
$thing = bat | mad | pan | fan
$sound = am
       | ham
"""
SOUNDS = {"bat": "b a t", "mad": "m a d", "pan": "p a n", "fan": "f a n", "am": "a m",
          "ham": "h a m", "please": "p l i: z"}


def pronounce(word, voice):
    """In the accent "odd", f is said as b."""
    return (SOUNDS[word].replace("f", "b") if voice == "odd" else SOUNDS[word]).split()


def sizes(text, voice="en+m1"):
    return oracle.class_sizes(text, voice, sentences.Grammar(GRAMMAR).slots(), pronounce)


def test_words_of_one_place_that_draw_alike_are_guessed_among():
    assert sizes("pan ham am please") == [3, 2, 2, 1]
    assert sizes("fan am") == [1, 2]


def test_the_clips_own_accent_counts():
    assert sizes("fan am", "odd+f2") == [4, 2]


def test_a_word_of_no_place_is_an_error():
    with pytest.raises(KeyError):
        sizes("pan bread")


def test_expected_error_rate():
    assert oracle.error_rate([1, 1, 1]) == (0, 0)
    rate, deviation = oracle.error_rate([1, 2, 4, 1])
    assert rate == pytest.approx((0.5 + 0.75) / 4)
    assert deviation == pytest.approx(math.sqrt(0.25 + 0.1875) / 4)


def test_a_guesser_does_as_expected():
    """The rate is that of somebody who guesses, counted."""
    said, rng = "pan ham am please".split(), random.Random(1)
    alike = [["bat", "mad", "pan"], ["am", "ham"], ["am", "ham"], ["please"]]
    runs = [sum(rng.choice(a) != w for a, w in zip(alike, said)) / len(said) for _ in range(4000)]
    mean = sum(runs) / len(runs)
    rate, deviation = oracle.error_rate(sizes(" ".join(said)))
    assert mean == pytest.approx(rate, abs=0.02)
    spread = math.sqrt(sum((r - mean) ** 2 for r in runs) / len(runs))
    assert spread == pytest.approx(deviation, rel=0.06)


def test_places_of_the_grammars():
    slots = sentences.load("grid").slots()
    assert slots["lay"] == ("bin", "lay", "place", "set") and len(slots) == 51
    assert len(slots["a"]) == 25 and len(slots["two"]) == 10
    assert len(sentences.load("digits").slots()) == 10


@pytest.mark.parametrize("text", ["$s = a | b $t\n$t = a | c", "$s = a a"])
def test_a_word_in_two_places_is_refused(text):
    with pytest.raises(ValueError, match="a is in two places"):
        sentences.Grammar(text).slots()


def test_letters_of_grid_in_an_accent():
    speech = pytest.importorskip("synth.speech")
    try:
        speech.pronounce("b")
    except speech.SpeechError as missing:
        pytest.skip(f"no speech: {missing}")
    slots = sentences.load("grid").slots()
    found = oracle.class_sizes("place blue at b two now", "en+m3", slots)
    assert found[:3] == [1, 1, 1] and found[3] >= 2 and found[4:] == [1, 1]
    assert oracle.class_sizes("lay red in a six again", "en+m3", slots)[3] == 1
