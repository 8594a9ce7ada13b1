"""Phonemes to shapes of the mouth over time.

Each phoneme of espeak-ng has one or two visemes, each viseme a target for every parameter of the
mouth and a weight that says how much the viseme insists on it. What is seen is a mean of the
targets around, weighted by dominance functions that fall off with time (M. M. Cohen,
D. W. Massaro, "Modeling coarticulation in synthetic visual speech", 1993): a vowel is rounded
before the lips get there, and an "h" has the shape of its neighbours.
"""
import re

import numpy as np

# Parameters of the mouth. 0 is at rest.
#   jaw     0 closed .. 1 wide open
#   spread  -1 narrow .. 1 corners drawn apart
#   round   0 .. 1 lips pushed forward
#   upper   -1 pressed down .. 1 raised
#   lower   -1 pressed up or tucked under the teeth .. 1 lowered
#   tongue  0 low .. 0.6 tip behind the upper teeth .. 1 between the teeth
#   teeth   0 in the shadow .. 1 plainly seen
PARAMETERS = ("jaw", "spread", "round", "upper", "lower", "tongue", "teeth")
JAW, SPREAD, ROUND, UPPER, LOWER, TONGUE, TEETH = range(7)

_ALL = (1, 1, 1, 1, 1, 1, 1)
_VOWEL = (1.6, 1.2, 1.4, 1, 1, 0.5, 0.6)
_WEAK = (0.5, 0.4, 0.4, 0.4, 0.4, 0.9, 0.5)
_TIP = (0.8, 0.5, 0.4, 0.6, 0.7, 1.6, 0.9)
_LIPS = (4, 0.5, 0.5, 8, 8, 0.3, 1)

# name: (targets, weights, reach in seconds)
VISEMES = {
    "rest": ((0.00, 0.00, 0.00, -0.10, -0.10, 0.0, 0.3), _ALL, 0.060),
    "P": ((0.04, 0.00, 0.05, -0.70, -0.90, 0.1, 0.0), _LIPS, 0.038),
    "F": ((0.06, 0.05, 0.00, 0.75, -0.60, 0.1, 1.0), (5, 0.5, 0.5, 5, 7, 0.5, 3), 0.042),
    "TH": ((0.17, 0.10, 0.00, 0.22, 0.25, 1.0, 0.7), (1.2, 0.6, 0.6, 1, 1, 4, 2), 0.055),
    "T": ((0.14, 0.20, 0.00, 0.15, 0.30, 0.6, 0.7), _TIP, 0.060),
    "L": ((0.24, 0.10, 0.00, 0.15, 0.30, 0.8, 0.5), _TIP, 0.060),
    "S": ((0.05, 0.35, 0.00, 0.32, 0.55, 0.2, 1.0), (2, 0.9, 0.8, 1.5, 1.5, 1, 2), 0.060),
    "SH": ((0.10, -0.15, 0.65, 0.60, 0.60, 0.2, 0.9), (1.6, 1, 2, 2, 2, 0.8, 1.5), 0.065),
    "K": ((0.24, 0.10, 0.00, 0.10, 0.20, 0.1, 0.3), _WEAK, 0.060),
    "R": ((0.15, -0.15, 0.45, 0.20, 0.22, 0.3, 0.3), (1, 0.8, 1.3, 0.8, 0.8, 0.8, 0.6), 0.065),
    "W": ((0.06, -0.40, 1.00, -0.02, 0.10, 0.1, 0.0), (2, 1.5, 3, 1.6, 1.6, 0.5, 1), 0.070),
    "Y": ((0.10, 0.50, 0.00, 0.15, 0.30, 0.4, 0.7), (0.9, 1, 0.8, 0.7, 0.7, 0.6, 0.7), 0.060),
    "EE": ((0.15, 0.85, 0.00, 0.22, 0.45, 0.3, 0.8), _VOWEL, 0.085),
    "IH": ((0.26, 0.40, 0.00, 0.15, 0.35, 0.25, 0.6), _VOWEL, 0.075),
    "EH": ((0.44, 0.35, 0.00, 0.20, 0.40, 0.2, 0.5), _VOWEL, 0.080),
    "AE": ((0.64, 0.35, 0.00, 0.25, 0.50, 0.1, 0.5), _VOWEL, 0.085),
    "UH": ((0.52, 0.05, 0.00, 0.15, 0.35, 0.1, 0.35), _VOWEL, 0.080),
    "AH": ((0.88, -0.05, 0.00, 0.15, 0.40, 0.0, 0.3), _VOWEL, 0.090),
    "OH": ((0.64, -0.20, 0.38, 0.10, 0.30, 0.0, 0.2), _VOWEL, 0.085),
    "AW": ((0.48, -0.35, 0.65, 0.10, 0.25, 0.0, 0.15), _VOWEL, 0.090),
    "OO": ((0.13, -0.40, 0.95, 0.06, 0.15, 0.1, 0.05), _VOWEL, 0.090),
    "U": ((0.22, -0.20, 0.55, 0.10, 0.20, 0.1, 0.15), _VOWEL, 0.075),
    "UR": ((0.30, -0.08, 0.32, 0.15, 0.30, 0.2, 0.4), _VOWEL, 0.085),
    "A": ((0.26, 0.05, 0.05, 0.10, 0.25, 0.15, 0.4), (0.8, 0.6, 0.6, 0.6, 0.6, 0.4, 0.4), 0.065),
}

# espeak-ng's mnemonics. Empty: has no shape of its own.
PHONEMES = {
    "P": "p b m m-", "F": "f v v#", "TH": "T D D2", "T": "t d n t# t2 n- d# *", "L": "l l/ L",
    "S": "s z z# s;", "SH": "S Z tS dZ", "K": "k g N x C", "R": "r r- r/", "W": "w w# w2", "Y": "j",
    "": "h h# ? ; ` :",
    "EE": "i: i", "IH": "I I2 I# i2", "EH": "e E E2 E#", "AE": "a a#", "UH": "V V#",
    "AH": "A: A aa A@ A~ A#", "OH": "0 0# O2 O", "AW": "O: O@ o@ o", "OO": "u: u", "U": "U U2",
    "UR": "3: 3 @: VR", "A": "@ @2 @5 @# a2",
    "EH IH": "eI e# eI#", "AH IH": "aI aI2 aI3", "AW IH": "OI", "AH U": "aU", "A U": "oU oU#",
    "IH A": "i@ i@3 I@", "EH A": "e@", "U A": "U@", "AH A": "aI@ aI3@ aU@", "A L": "@L",
    "IH R": "IR", "EH R": "ER", "O R": "",
}
TABLE = {name: tuple(v for v in shapes.split() if v in VISEMES)
         for shapes, names in PHONEMES.items() for name in names.split()}

POWER = 1.5        # of the dominance functions
CORE = 0.3         # of a viseme's duration around its middle: full dominance
FIRST_SHARE = 0.6  # of a diphthong's duration
LEAD = 0.012       # seconds: lips are there before the sound is


def shapes_of(phoneme):
    """The visemes of a phoneme, a tuple of none to two names. KeyError: not in the table."""
    return TABLE[phoneme]


def segments(phonemes, seconds):
    """[(viseme, start, end)] in seconds for [(phoneme, start, end)], rest before, after, and in
    pauses of more than 60 ms."""
    out, last = [], 0.0
    for name, start, end in phonemes:
        if start - last > 0.06 or not out and start > 0:
            out.append(("rest", last, start))
        shapes = shapes_of(name)
        if len(shapes) == 2:
            middle = start + FIRST_SHARE * (end - start)
            out += [(shapes[0], start, middle), (shapes[1], middle, end)]
        elif shapes:
            out.append((shapes[0], start, end))
        last = end
    if seconds > last:
        out.append(("rest", last, seconds))
    return out


def mouth_track(phonemes, seconds, times, effort=1.0):
    """The mouth at `times`: float64 [T 7] in the order of PARAMETERS. effort: of jaw and spread,
    0.7 mumbled to 1.2 plain."""
    parts = segments(phonemes, seconds)
    times = np.asarray(times, np.float64)[:, None]
    start = np.array([p[1] for p in parts])
    end = np.array([p[2] for p in parts])
    targets = np.array([VISEMES[p[0]][0] for p in parts])
    weights = np.array([VISEMES[p[0]][1] for p in parts])
    reach = np.array([VISEMES[p[0]][2] for p in parts])
    rest = np.array([p[0] == "rest" for p in parts])
    # A rest is at rest from edge to edge, but lips move ahead of the first sound.
    core = np.where(rest, 0.5, CORE / 2) * (end - start)
    core = np.where(rest, np.maximum(core - 0.08, 0), core)
    away = np.maximum(np.abs(times - ((start + end) / 2 - LEAD)) - core, 0)
    dominance = np.exp(-(away / reach) ** POWER)[:, :, None] * weights + 1e-12
    track = (dominance * targets).sum(1) / dominance.sum(1)
    track[:, JAW] *= effort
    track[:, SPREAD] *= effort
    return track


def upper_gap(mouth):
    """How far the upper lip's inner edge is above the line of closed lips, in face units."""
    return 0.055 * mouth[UPPER] + 0.02 * mouth[JAW]


def lower_gap(mouth):
    """How far the lower lip's inner edge is below that line, in face units."""
    return 0.25 * mouth[JAW] + 0.055 * mouth[LOWER]


def opening(mouth):
    """The height of the mouth's opening in face units (half a face box), 0 when closed."""
    return max(0.0, upper_gap(mouth) + lower_gap(mouth))


# ---- Words that draw alike ----------------------------------------------------------------------

def viseme_word(phonemes):
    """The visemes of a word's phonemes, without repeats: words with the same draw alike but for
    how long each shape lasts."""
    shapes = [v for p in phonemes for v in shapes_of(p)]
    return tuple(v for i, v in enumerate(shapes) if not i or v != shapes[i - 1])


def homophene_classes(vocabulary, pronounce=None, voices=("en",)):
    """Lists of words that draw alike, sorted, the words of each sorted too. pronounce(word, voice)
    gives phonemes, by default espeak-ng's. With several voices, words that draw alike in any of
    them are together: accents merge different words."""
    if pronounce is None:
        from synth import speech

        def pronounce(word, voice):
            if re.fullmatch("a", word) and "b" in vocabulary:
                return [speech.LETTER_A]  # a letter among letters
            return speech.pronounce(word, voice)

    parent = {w: w for w in vocabulary}

    def find(word):
        while parent[word] != word:
            word = parent[word]
        return word

    for voice in voices:
        seen = {}
        for word in vocabulary:
            first = seen.setdefault(viseme_word(pronounce(word, voice)), word)
            parent[find(word)] = find(first)
    groups = {}
    for word in vocabulary:
        groups.setdefault(find(word), []).append(word)
    return sorted(sorted(g) for g in groups.values())
