"""The homophene oracle: what a perfect lip reader gets wrong.

It knows the grammar, the accent of every clip and every shape of the mouth, and takes each word for
one of those that may stand in its place and draw alike (visemes.homophene_classes). Among k of
them it guesses, and is right once in k times. A network with more errors has something to learn.
One with clearly fewer sees what the table of visemes does not say: how long shapes last, which the
oracle does not count (the vowel of "bad" is longer than that of "bat"), or a mistake of the
renderer.
"""
import math

from synth import visemes


def class_sizes(text, voice, slots, pronounce=None):
    """For each word of a clip, how many words it cannot be told from, itself included.

    text: words between spaces; voice: the clip's own, such as "en-us+f2"; slots: of
    Grammar.slots(); pronounce: of visemes.homophene_classes(). KeyError: a word is in no slot."""
    accent = voice.split("+")[0]
    sizes = []
    for word in text.split():
        classes = visemes.homophene_classes(slots[word], pronounce, (accent,))
        sizes.append(next(len(c) for c in classes if word in c))
    return sizes


def error_rate(sizes):
    """(expected word error rate, its standard deviation) of guesses in classes of these sizes, one
    for each word said. Wrong guesses count as substitutions, as they nearly always do."""
    chances = [1 - 1 / k for k in sizes]
    return (sum(chances) / len(sizes), math.sqrt(sum(p * (1 - p) for p in chances)) / len(sizes))
