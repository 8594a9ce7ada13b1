"""Sub-word units of a unigram model (T. Kudo, "Subword Regularization", ACL 2018).

A text is cut at its spaces; a word carries U+2581 in front, as in SentencePiece, and no unit
crosses the border of a word. Learning starts from all frequent substrings of words, fits their
probabilities by EM over all segmentations, and takes away, a fifth at a time, the units whose loss
costs the likelihood least. Single characters always stay, so that every text of known characters
can be written.

Units are [(unit, log probability)], best first. In a network that writes them, 0 is CTC's blank,
number i the i-th unit, and the last number, which is one more, <eos>.
"""
import collections
import math
import os

SPACE = "\u2581"
LONGEST = 16       # characters of a unit
SEEDS = 100000     # units to start from
KEPT = 0.8         # of the units, in each round of pruning
ITERATIONS = 2     # of EM in a round
LEAST_COUNT = 0.5  # what a unit that is hardly seen counts as


def marked(text):
    """The words of a text, U+2581 in front. ValueError for a text that has such a sign itself."""
    if SPACE in text:
        raise ValueError(f"the text {text[:80]!r} has the sign U+2581, which stands for a space")
    return [SPACE + word for word in text.split()]


def pieces(word, units):
    """(start, end, unit) of all `units` in a word, by their end and then by their start."""
    for end in range(1, len(word) + 1):
        for start in range(max(0, end - LONGEST), end):
            if word[start:end] in units:
                yield start, end, word[start:end]


def best_path(word, units):
    """The most probable segmentation of a word, a list of units, and its log probability; None and
    minus infinity where there is none. units: {unit: log probability}."""
    score, back = [0.0] + [-math.inf] * len(word), [0] * (len(word) + 1)
    for start, end, unit in pieces(word, units):
        if score[start] + units[unit] > score[end]:
            score[end], back[end] = score[start] + units[unit], start
    if score[-1] == -math.inf:
        return None, score[-1]
    path, end = [], len(word)
    while end:
        path.append(word[back[end]:end])
        end = back[end]
    return path[::-1], score[-1]


def log_add(a, b):
    high, low = max(a, b), min(a, b)
    return high if low == -math.inf else high + math.log1p(math.exp(low - high))


def expected(word, units):
    """{unit: how often it is expected in a word, over all segmentations}, and the word's log
    probability."""
    found = list(pieces(word, units))
    before, after = [0.0] + [-math.inf] * len(word), [-math.inf] * len(word) + [0.0]
    for start, end, unit in found:
        before[end] = log_add(before[end], before[start] + units[unit])
    for start, end, unit in sorted(found, key=lambda piece: -piece[0]):
        after[start] = log_add(after[start], after[end] + units[unit])
    counts = collections.defaultdict(float)
    for start, end, unit in found:
        counts[unit] += math.exp(before[start] + units[unit] + after[end] - before[-1])
    return counts, before[-1]


def probabilities(counts):
    """{unit: log probability} of {unit: count}."""
    least = {unit: max(count, LEAST_COUNT) for unit, count in counts.items()}
    total = math.log(math.fsum(least.values()))
    return {unit: math.log(count) - total for unit, count in least.items()}


def improved(words, units):
    """One step of EM. words: {word: how often}."""
    counts = dict.fromkeys(units, 0.0)
    for word, times in words.items():
        for unit, count in expected(word, units)[0].items():
            counts[unit] += times * count
    return probabilities(counts)


def seeds(words):
    """The units to start from: all characters, and the substrings that are seen more than once, of
    too many those that cover most of the text."""
    counts = collections.Counter()
    for word, times in words.items():
        for start in range(len(word)):
            for end in range(start + 1, min(len(word), start + LONGEST) + 1):
                counts[word[start:end]] += times
    long = [unit for unit, count in counts.items() if len(unit) > 1 and count > 1]
    long.sort(key=lambda unit: (-counts[unit] * len(unit), unit))
    letters = sorted(unit for unit in counts if len(unit) == 1)
    return probabilities({unit: counts[unit] for unit in letters + long[:SEEDS]})


def pruned(words, units, size):
    """The `size` units with all characters whose loss would cost the likelihood most: each stands
    where the best segmentations have it, and would be written by its best other segmentation."""
    used = collections.Counter()
    for word, times in words.items():
        for unit in best_path(word, units)[0]:
            used[unit] += times
    costs = []
    for unit in units:
        if len(unit) == 1:
            costs.append((-math.inf, 0, unit))
            continue
        others = {part: units[part] for _, _, part in pieces(unit, units) if part != unit}
        worth = used[unit] * (units[unit] - best_path(unit, others)[1])
        costs.append((-worth, -units[unit], unit))
    kept = {unit for _, _, unit in sorted(costs)[:size]}
    return {unit: p for unit, p in units.items() if unit in kept}


def learn(texts, size):
    """[(unit, log probability)] of `size` units, the most probable first. ValueError where the
    texts have more characters than that, or too few substrings."""
    words = collections.Counter(word for text in texts for word in marked(text))
    words = {word: words[word] for word in sorted(words)}
    units = seeds(words)
    letters = sum(len(unit) == 1 for unit in units)
    if not letters <= size <= len(units):
        raise ValueError(f"the texts have {letters} characters and {len(units)} units at most: "
                         f"{size} units are too {'few' if size < letters else 'many'}")
    while True:
        for _ in range(ITERATIONS):
            units = improved(words, units)
        if len(units) == size:
            return sorted(units.items(), key=lambda unit: (-unit[1], unit[0]))
        units = pruned(words, units, max(size, int(KEPT * len(units))))


def segment(text, units):
    """The most probable segmentation of a text into `units`, a list of units. ValueError where it
    has a character that no unit writes."""
    table, found = dict(units), []
    for word in marked(text):
        path, _ = best_path(word, table)
        if path is None:
            known = set("".join(table))
            strange = [c for c in word if c not in known]
            what = f"the character {strange[0]!r}" if strange else f"the word {word[1:]!r}"
            raise ValueError(f"no units write {what} of the text {text[:80]!r}")
        found += path
    return found


def joined(found):
    """The text that units write."""
    return "".join(found).replace(SPACE, " ").strip()


def numbers(text, units):
    """The numbers of the units that segment() gives, from 1 on."""
    table = {unit: i for i, (unit, _) in enumerate(units, 1)}
    return [table[unit] for unit in segment(text, units)]


def token_list(units):
    """What the outputs of a network mean: blank, the units, <eos>."""
    return ["<blank>", *(unit for unit, _ in units), "<eos>"]


def vocab_text(units):
    """The units as `convert.py --vocab` reads them: lines of a unit and its number."""
    return "".join(f"{unit} {i}\n" for i, (unit, _) in enumerate(units, 1))


def write(path, units):
    """A file that read() reads: lines of a unit, a tab and its log probability."""
    with open(path + ".part", "w", encoding="utf-8") as out:
        out.write("".join(f"{unit}\t{p!r}\n" for unit, p in units))
    os.replace(path + ".part", path)


def read(path):
    """The units of a file that write() wrote. ValueError where it is another."""
    units = []
    with open(path, encoding="utf-8") as file:
        for line in file:
            unit, _, p = line.rstrip("\n").partition("\t")
            try:
                units.append((unit, float(p)))
            except ValueError:
                raise ValueError(f"{path}: line {len(units) + 1} is not a unit and its log "
                                 "probability") from None
    return units
