#!/usr/bin/env python3
"""Makes an n-gram language model in the ARPA format from lines of text, for `viseme read --lm`.

    weights-tools/make_lm.py lines.txt -o model.arpa [--order 5] [--words] [--case lower]

One utterance a line; blanks at both ends and double blanks are dropped, empty lines skipped.
Without --words the units are characters and the blank is written <sp>; with it they are words.

Method: interpolated Witten-Bell smoothing (I. H. Witten, T. C. Bell, "The zero-frequency problem",
IEEE Transactions on Information Theory 37 (4), 1991). After a history h that was seen c(h) times,
with T(h) different units:

    p(w | h) = (c(h w) + T(h) p(w | h')) / (c(h) + T(h)),   h' = h without its first unit

down to the uniform distribution over all units, </s> and <unk>. So the back-off weight of h is
T(h) / (c(h) + T(h)), and the probabilities after every history add up to 1 exactly.
"""
import argparse
import collections
import math
import sys

START, END, UNKNOWN, SPACE = "<s>", "</s>", "<unk>", "<sp>"
MAX_ORDER = 10


def units(line, words, case):
    """The units of one line of text."""
    line = " ".join(line.split())
    line = {"keep": line, "lower": line.lower(), "upper": line.upper()}[case]
    return line.split() if words else [SPACE if c == " " else c for c in line]


def count(sentences, order):
    """counts[n][n-gram]: how often it was seen; counts[0][()]: all units."""
    counts = [collections.Counter() for _ in range(order + 1)]
    for sentence in sentences:
        padded = [START] + sentence + [END]
        for end in range(2, len(padded) + 1):  # <s> is never predicted
            for n in range(min(order, end) + 1):
                counts[n][tuple(padded[end - n:end])] += 1
    return counts


class Model:
    """Probabilities and back-off weights of the n-grams that were seen."""

    def __init__(self, sentences, order):
        self.order = order
        self.counts = count(sentences, order)
        self.words = sorted({w for (w,) in self.counts[1]} | {END, UNKNOWN})
        self.seen = [collections.Counter() for _ in range(order)]  # c(h) by length of h
        self.kinds = [collections.Counter() for _ in range(order)]  # T(h)
        for n in range(1, order + 1):
            for gram, times in self.counts[n].items():
                self.seen[n - 1][gram[:-1]] += times
                self.kinds[n - 1][gram[:-1]] += 1

    def backoff(self, history):
        """T(h) / (c(h) + T(h)); 1 after a history that was not seen."""
        n = len(history)
        if n >= self.order or history not in self.kinds[n]:
            return 1.0
        return self.kinds[n][history] / (self.seen[n][history] + self.kinds[n][history])

    def probability(self, gram):
        """Of the last unit of `gram` after the others."""
        history = gram[:-1]
        lower = self.probability(gram[1:]) if history else 1 / len(self.words)
        n = len(history)
        if history not in self.kinds[n]:
            return lower
        return (self.counts[n + 1][gram] + self.kinds[n][history] * lower) / (
            self.seen[n][history] + self.kinds[n][history])

    def grams(self, n):
        """The n-grams to write, sorted: at order 1 all units and <s>."""
        if n == 1:
            return [(w,) for w in sorted(self.words + [START])]
        return sorted(self.counts[n])

    def write(self, out):
        out.write("\n\\data\\\n")
        for n in range(1, self.order + 1):
            out.write(f"ngram {n}={len(self.grams(n))}\n")
        for n in range(1, self.order + 1):
            out.write(f"\n\\{n}-grams:\n")
            for gram in self.grams(n):
                p = -99.0 if gram == (START,) else math.log10(self.probability(gram))
                line = f"{p:.6f}\t{' '.join(gram)}"
                if n < self.order and gram[-1] not in (END, UNKNOWN):
                    line += f"\t{math.log10(self.backoff(gram)):.6f}"
                out.write(line + "\n")
        out.write("\n\\end\\\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("text", help="file of lines in UTF-8; - is standard input")
    parser.add_argument("-o", "--output", default="-", help="ARPA file; - is standard output")
    parser.add_argument("--order", type=int, default=5,
                        help=f"longest n-grams, 1 to {MAX_ORDER} (default 5)")
    parser.add_argument("--words", action="store_true", help="a model of words, not characters")
    parser.add_argument("--case", choices=["keep", "lower", "upper"], default="keep",
                        help="what to make of letters first (default keep)")
    args = parser.parse_args()
    if not 1 <= args.order <= MAX_ORDER:
        parser.error(f"--order must be 1 to {MAX_ORDER}")
    try:
        with (sys.stdin if args.text == "-" else open(args.text, encoding="utf-8")) as lines:
            sentences = [units(line, args.words, args.case) for line in lines if line.strip()]
    except (OSError, UnicodeDecodeError) as error:
        sys.exit(f"make_lm.py: {args.text}: {error}")
    if not sentences:
        sys.exit(f"make_lm.py: {args.text}: there is no text")
    reserved = {START, END, UNKNOWN, SPACE} if args.words else set()
    for number, sentence in enumerate(sentences, 1):
        if reserved & set(sentence):
            sys.exit(f"make_lm.py: {args.text}: utterance {number} has a reserved word")
    model = Model(sentences, args.order)
    try:
        with (sys.stdout if args.output == "-" else
              open(args.output, "w", encoding="utf-8")) as out:
            model.write(out)
    except OSError as error:
        sys.exit(f"make_lm.py: {args.output}: {error}")


if __name__ == "__main__":
    main()
