"""Sentences to say, from grammars in the format of docs/grammar.md.

A sentence belongs to `train` or to `test` by a hash of its text alone, one in ten to `test`: so no
seed and no corpus can bring a held-out sentence into training.
"""
import hashlib
import os
import re

HERE = os.path.dirname(os.path.abspath(__file__))
BUNDLED = os.path.join(HERE, os.pardir, os.pardir, "grammars")
GRAMMARS = {
    "grid": os.path.join(BUNDLED, "grid.txt"),
    "digits": os.path.join(BUNDLED, "digits.txt"),
    "words": os.path.join(HERE, "words.txt"),
    "codes": os.path.join(HERE, "codes.txt"),
}
SPLITS = ("train", "test")
HELD_OUT = 10  # one sentence in so many
OPTIONAL_CHANCE = 0.5

_TOKEN = re.compile(r"\$[\w-]+\s*=|\$[\w-]+|[A-Za-z']+|[|()\[\]*+]")


class Grammar:
    """Rules of words in sequence, choice, option and repetition."""

    def __init__(self, text):
        text = re.sub(r"#.*", "", text)
        self.rules, self.first = {}, None
        tokens = _TOKEN.findall(text)
        if "".join(tokens).replace(" ", "") != re.sub(r"\s", "", text):
            raise ValueError("the grammar has something that is no word, name or bracket")
        while tokens:
            name = tokens.pop(0)
            if not name.endswith("="):
                raise ValueError(f"a rule begins with a name, not with {name}")
            name = name[:-1].strip()
            self.first = self.first or name
            self.rules[name] = _choice(tokens)

    def sentence(self, rng):
        """One sentence, a list of words. rng: numpy Generator."""
        return _expand(self.rules[self.first], self.rules, rng)

    def vocabulary(self):
        """All words, sorted."""
        found = set()
        for part in self.rules.values():
            _collect(part, found)
        return sorted(found)

    def slots(self):
        """{word: sorted tuple of the words that may stand in its place}, for a grammar whose words
        are each in one choice between single words, as those of grid and digits are. ValueError
        for another."""
        found = {}
        for part in self.rules.values():
            _find_slots(part, found)
        return found


def _choice(tokens):
    ways = [_sequence(tokens)]
    while tokens and tokens[0] == "|":
        tokens.pop(0)
        ways.append(_sequence(tokens))
    return ways[0] if len(ways) == 1 else ("choice", ways)


def _sequence(tokens):
    parts = []
    while tokens and tokens[0] not in ("|", ")", "]") and not tokens[0].endswith("="):
        token = tokens.pop(0)
        if token in ("(", "["):
            inner = _choice(tokens)
            tokens.pop(0)
            parts.append(inner if token == "(" else ("option", inner))
        elif token in ("*", "+"):
            parts[-1] = ("repeat", parts[-1], 0 if token == "*" else 1)
        else:
            parts.append(token)
    return ("sequence", parts)


def _expand(part, rules, rng):
    if isinstance(part, str):
        return _expand(rules[part], rules, rng) if part.startswith("$") else [part.lower()]
    kind = part[0]
    if kind == "sequence":
        return [w for p in part[1] for w in _expand(p, rules, rng)]
    if kind == "choice":
        return _expand(part[1][int(rng.integers(len(part[1])))], rules, rng)
    if kind == "option":
        return _expand(part[1], rules, rng) if rng.random() < OPTIONAL_CHANCE else []
    times = part[2]
    while rng.random() < OPTIONAL_CHANCE:
        times += 1
    return [w for _ in range(times) for w in _expand(part[1], rules, rng)]


def _collect(part, found):
    if isinstance(part, str):
        if not part.startswith("$"):
            found.add(part.lower())
    elif part[0] in ("sequence", "choice"):
        for p in part[1]:
            _collect(p, found)
    else:
        _collect(part[1], found)


def _find_slots(part, found):
    if isinstance(part, str):
        if not part.startswith("$"):
            _add_slot((part.lower(),), found)
    elif part[0] == "choice" and all(_single_word(way) for way in part[1]):
        _add_slot(tuple(sorted(_single_word(way) for way in part[1])), found)
    elif part[0] in ("sequence", "choice"):
        for p in part[1]:
            _find_slots(p, found)
    else:
        _find_slots(part[1], found)


def _single_word(part):
    """The word that a part is, or None."""
    if part[0] == "sequence" and len(part[1]) == 1 and isinstance(part[1][0], str):
        word = part[1][0].lower()
        return None if word.startswith("$") else word
    return None


def _add_slot(words, found):
    for word in words:
        if word in found:
            raise ValueError(f"{word} is in two places of the grammar")
        found[word] = words


def load(name):
    """The grammar called grid, digits, words or codes."""
    with open(GRAMMARS[name], encoding="utf-8") as file:
        return Grammar(file.read())


def split_of(text):
    """The split that a sentence belongs to, whatever the seed."""
    number = int.from_bytes(hashlib.sha256(text.lower().encode()).digest()[:8], "big")
    return "test" if number % HELD_OUT == 0 else "train"


def draw(grammar, split, rng):
    """A random sentence of a split, as text. rng: numpy Generator."""
    if split not in SPLITS:
        raise ValueError(f"no split {split!r}")
    while True:
        text = " ".join(grammar.sentence(rng))
        if split_of(text) == split:
            return text
