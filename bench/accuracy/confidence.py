#!/usr/bin/python3
"""What the confidence of `viseme read` is worth, and what decoding does for the error rate.

    bench/accuracy/confidence.py [--program build/viseme] [--weights FILE]
                                 [--update docs/confidence.md]

Prints Markdown tables; --update puts them between the two FIGURES marks of a file. The clips are in
../shared (GRID; see docs/confidence.md); without them the script says so and exits with 0. The
rendered ones are drawn into bench/cache/accuracy, once (`make deps-synth`).

Sets of clips:
    calibration  every 9th of the 891 clips of speaker 1 that the weights were trained on; the
                 threshold and the default weight of a language model are chosen on these and on
                 the next alone
    calibration, rendered  30 clips of each kind of sentences that the weights were trained on, but
                 not these
    speaker 1    24 clips of the same man, not trained on
    rendered     the clean clips of bench/accuracy/run, 40 of each kind: other people, other
                 sentences
    strangers    10 clips of nine other speakers
    still faces  one frame of each of the strangers' clips and of 10 of speaker 1's, for 3 seconds
    drawn faces  10 drawings whose mouth moves at random, 3 seconds
    backwards    the 24 clips of speaker 1, last frame first
"""
import argparse
import math
import os
import random
import shutil
import subprocess
import sys
import tempfile

import testset
from grid import CLIPS, clips, files, sentence
from reader import ROOT, WEIGHTS, Reader, grammar

TRAINED = os.path.join(ROOT, os.pardir, "shared", "data", "grid_s1")
RENDERED = ("calibration, rendered", "rendered")  # GRID's grammar says little about these
CALIBRATION = ("calibration", "calibration, rendered")
ALARMS, STEP = 0.05, 0.05  # of the calibration clips at most, and what thresholds are multiples of
EDGES = [0, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 1.0001]
BEGIN, END = "<!-- FIGURES: begin -->", "<!-- FIGURES: end -->"


def said(path):
    """The words said in a clip."""
    text = os.path.splitext(path)[0] + ".txt"
    if not os.path.exists(text):
        return sentence(path)
    with open(text, encoding="ascii") as file:
        return file.read().split()


# ---- Words ------------------------------------------------------------------------------------

def right_words(reference, words):
    """For each word read: whether it is right, by the alignment with the fewest errors."""
    n, m = len(reference), len(words)
    cost = [[0] * (m + 1) for _ in range(n + 1)]
    for i in range(n + 1):
        for j in range(m + 1):
            if i == 0 or j == 0:
                cost[i][j] = i + j
            else:
                cost[i][j] = min(cost[i - 1][j - 1] + (reference[i - 1] != words[j - 1]),
                                 cost[i - 1][j] + 1, cost[i][j - 1] + 1)
    right, i, j = [0] * m, n, m
    while i > 0 and j > 0:
        same = reference[i - 1] == words[j - 1]
        if cost[i][j] == cost[i - 1][j - 1] + (not same):
            right[j - 1] = int(same)
            i, j = i - 1, j - 1
        elif cost[i][j] == cost[i][j - 1] + 1:
            j -= 1
        else:
            i -= 1
    return right


def judged_words(paths, found):
    """(confidence, right) of every word read."""
    pairs = []
    for path, result in zip(paths, found):
        words = result["hypotheses"][0]["words"]
        right = right_words(said(path), [w["text"].lower() for w in words])
        pairs += [(w["confidence"], r) for w, r in zip(words, right)]
    return pairs


# ---- Clips -------------------------------------------------------------------------------------

def ffmpeg(*args):
    subprocess.run(["ffmpeg", "-v", "error", "-y", *args], check=True, stdin=subprocess.DEVNULL)


def still(path, out):
    """The frame at one second, for three seconds."""
    ffmpeg("-ss", "1", "-i", path, "-frames:v", "1", out + ".png")
    ffmpeg("-loop", "1", "-framerate", "25", "-i", out + ".png", "-t", "3", "-c:v", "ffv1", out)
    return out


def backwards(path, out):
    ffmpeg("-i", path, "-an", "-vf", "reverse", "-c:v", "ffv1", out)
    return out


def drawing(seed, out):
    """A drawn face of a random size whose mouth follows a random walk."""
    sys.path.insert(0, os.path.join(ROOT, "tests", "cli"))
    import pictures
    rng = random.Random(seed)
    size, opening = rng.randint(170, 260), 0.5
    os.mkdir(out)
    for i in range(75):
        opening = min(1, max(0, opening + rng.uniform(-0.5, 0.5)))
        pictures.write_png(os.path.join(out, f"{i:03d}.png"), pictures.face(opening, size))
    return out


def make_sets(folder, kinds):
    known, strangers = clips()
    def name(kind, i):
        return os.path.join(folder, f"{kind}{i:02d}")
    rendered = {"calibration, rendered": testset.calibration,
                "rendered": lambda kind: testset.clips(kind, "clean")}
    drawn = {name: [clip["path"] for kind in kinds for clip in draw(kind)]
             for name, draw in rendered.items()}
    return {
        "calibration": files(TRAINED, ".mkv")[3::9],
        **drawn,
        "speaker 1": known,
        "strangers": strangers,
        "still faces": [still(c, name("still", i) + ".mkv")
                        for i, c in enumerate(strangers + known[:10])],
        "drawn faces": [drawing(i, name("drawing", i)) for i in range(10)],
        "backwards": [backwards(c, name("back", i) + ".mkv") for i, c in enumerate(known)],
    }


# ---- Tables ------------------------------------------------------------------------------------

def reliability(title, pairs):
    lines = [f"\n{title}: {len(pairs)} words, {percent(mean(r for _, r in pairs))} right\n",
             "| confidence | words | mean confidence | right |", "| --- | --- | --- | --- |"]
    gap = 0
    for low, high in zip(EDGES, EDGES[1:]):
        part = [(c, r) for c, r in pairs if low <= c < high]
        if not part:
            continue
        said, right = mean(c for c, _ in part), mean(r for _, r in part)
        gap += len(part) / len(pairs) * abs(said - right)
        lines.append(f"| {low:.2f} to {min(high, 1):.2f} | {len(part)} | {said:.2f} | "
                     f"{right:.2f} |")
    lines.append(f"\nExpected calibration error {gap:.3f}; a right word has the higher confidence "
                 f"of a right and a wrong one in {percent(ranking(pairs))} of all pairs.")
    return lines


def ranking(pairs):
    right = [c for c, r in pairs if r]
    wrong = [c for c, r in pairs if not r]
    wins = sum((a > b) + 0.5 * (a == b) for a in right for b in wrong)
    return wins / (len(right) * len(wrong)) if right and wrong else math.nan


def mean(values):
    values = list(values)
    return sum(values) / len(values) if values else math.nan


def percent(x):
    return "-" if math.isnan(x) else f"{100 * x:.1f} %"


def part_of(count, total):
    return f"{count} of {total} ({percent(count / total if total else math.nan)})"


def clip_confidences(found):
    """Confidence of every clip read with at least one word; how many were read without."""
    read = [r for r in found if r["status"] == "ok"]
    return [r["confidence"] for r in read if r["text"]], sum(not r["text"] for r in read)


def chosen(values):
    """The largest multiple of STEP below which lie at most ALARMS of the values."""
    count = round(1 / STEP)
    return max(i / count for i in range(count + 1)
               if sum(v < i / count for v in values) <= ALARMS * len(values))


def rule(sets, reader):
    """The threshold by chosen(), and a sentence that says so."""
    values = [c for name in CALIBRATION for c in clip_confidences(reader.read(sets[name]))[0]]
    found = chosen(values)
    return found, (f"\nThe largest multiple of {STEP} below which lie at most {percent(ALARMS)} of "
                   f"the {len(values)} calibration clips of both kinds: {found:.2f}.")


def threshold_table(sets, reader, options, threshold):
    lines = ["| clips | read with words | without | no face | lowest | median | highest | below "
             f"{threshold:.2f} |", "| --- | --- | --- | --- | --- | --- | --- | --- |"]
    for name, paths in sets.items():
        if not paths or (options and name in RENDERED):
            continue
        found = reader.read(paths, *options)
        values, silent = clip_confidences(found)
        faceless = sum(r["status"] != "ok" for r in found)
        numbers = "- | - | - | -"
        if values:
            values.sort()
            below = sum(v < threshold for v in values)
            numbers = (f"{values[0]:.2f} | {values[len(values) // 2]:.2f} | {values[-1]:.2f} | "
                       f"{below} of {len(values)}")
        lines.append(f"| {name} | {len(values)} | {silent} | {faceless} | {numbers} |")
    return lines


def verdict(sets, reader, options, threshold):
    """False alarms and misses in one sentence."""
    known, _ = clip_confidences(reader.read(sets["speaker 1"], *options))
    strangers, _ = clip_confidences(reader.read(sets["strangers"], *options))
    nothing = [c for name in ("still faces", "drawn faces")
               for c in clip_confidences(reader.read(sets[name], *options))[0]]
    total = sum(len(sets[name]) for name in ("still faces", "drawn faces"))
    alarms, missed = sum(c < threshold for c in known), sum(c >= threshold for c in strangers)
    silent = sum(c >= threshold for c in nothing)
    drawn = "" if options else rendered_alarms(sets, reader, threshold)
    return (f"\nFalse alarms on speaker 1: {part_of(alarms, len(known))}. {drawn}Misses on "
            f"strangers: {part_of(missed, len(strangers))}. Misses on non-speech, that is words "
            f"without a warning: {part_of(silent, total)}.")


def rendered_alarms(sets, reader, threshold):
    values, _ = clip_confidences(reader.read(sets["rendered"]))
    alarms = sum(c < threshold for c in values)
    return f"False alarms on rendered people: {part_of(alarms, len(values))}. "


def word_times(paths, found):
    """Errors of starts and ends against the corpus's alignments, in seconds."""
    starts, ends = [], []
    for path, result in zip(paths, found):
        words = result["hypotheses"][0]["words"]
        with open(os.path.splitext(path)[0] + ".align", encoding="ascii") as lines:
            parts = [line.split() for line in lines]
        true = [(int(a) / 25000, int(b) / 25000, w) for a, b, w in parts if w not in ("sil", "sp")]
        if [w["text"].lower() for w in words] == [w for _, _, w in true]:
            starts += [w["start_s"] - a for w, (a, _, _) in zip(words, true)]
            ends += [w["end_s"] - b for w, (_, b, _) in zip(words, true)]
    return starts, ends


def ways_of_letters(models):
    """(title, options) for a network that emits letters."""
    ways = [("greedy", ()), ("beam 64", ("--beam", "64"))]
    ways += [(f"beam 64, {kind} model, weight {weight}", ("--lm", path, "--lm-weight", weight))
             for kind, path in models for weight in ("0.125", "0.25", "0.5", "1")]
    return ways + [("grammar grid", grammar("grid"))]


def ways_of_units():
    """(title, options) for a network that writes units."""
    ways = [("beam 40, the file's CTC weight", ())]
    ways += [(f"beam {beam}, the file's CTC weight", ("--beam", beam)) for beam in ("1", "5")]
    return ways + [(f"beam 40, CTC weight {weight}", ("--ctc-weight", weight))
                   for weight in ("0", "0.3", "0.5", "1")]


def error_table(sets, reader, names, ways):
    sets = dict(sets, calibration=sets["calibration"][::2])  # every second will do here
    names = [n for n in names if sets[n]]
    lines = ["| decoding | " + " | ".join(f"{n}, {len(sets[n])} clips: WER | CER"
                                         for n in names) + " |",
             "| --- |" + " --- | --- |" * len(names)]
    for title, options in ways:
        rates = [reader.error_rates([" ".join(said(p)) for p in sets[n]],
                                    reader.read(sets[n], *options)) for n in names]
        cells = [percent(r[unit]["error_rate"]) for r in rates for unit in ("words", "characters")]
        lines.append(f"| {title} | " + " | ".join(cells) + " |")
    return lines


def make_models(folder, calibration):
    """Language models of what is said in the training clips but for the calibration clips."""
    if not os.path.isdir(TRAINED):
        return []
    lines = os.path.join(folder, "lines.txt")
    with open(lines, "w") as out:
        for path in files(TRAINED, ".mkv"):
            if path not in calibration:
                out.write(" ".join(sentence(path)) + "\n")
    models = []
    for kind, options in (("character", ["--order", "6"]), ("word", ["--words", "--order", "3"])):
        path = os.path.join(folder, kind + ".arpa")
        subprocess.run([sys.executable, os.path.join(ROOT, "weights-tools", "make_lm.py"), lines,
                        "-o", path, *options], check=True)
        models.append((kind, path))
    return models


def measure(reader, folder):
    joint = reader.joint()
    sets = make_sets(folder, reader.sentences() or testset.SENTENCES)
    ways = [("joint search" if joint else "greedy decoding", ())]
    if not joint:
        ways.append(("with the grammar", grammar("grid")))
    stated = reader.read(sets["speaker 1"])[0]["min_confidence"]
    found, told = rule(sets, reader)
    threshold = stated or found  # weights that state none warn of nothing
    lines = [f"### Words: confidence and truth ({ways[0][0]}, no grammar)"]
    for name in ("calibration", "calibration, rendered", "speaker 1", "rendered", "strangers"):
        if sets[name]:
            pairs = judged_words(sets[name], reader.read(sets[name]))
            lines += reliability(name.capitalize(), pairs)
    for title, options in ways[1:]:
        for name in ("speaker 1", "strangers"):
            lines += reliability(f"{name.capitalize()}, {title}",
                                 judged_words(sets[name], reader.read(sets[name], *options)))
    for title, options in ways:
        lines += [f"\n### Clips: confidence and the threshold ({title})\n"]
        lines += threshold_table(sets, reader, options, threshold)
        lines += [verdict(sets, reader, options, threshold)]
    lines += [told, "\n### Error rates\n"]
    if joint:
        lines += error_table(sets, reader, (*CALIBRATION, "speaker 1", "strangers"),
                             ways_of_units())
    else:
        lines += error_table(sets, reader, ("calibration", "speaker 1", "strangers"),
                             ways_of_letters(make_models(folder, sets["calibration"])))
    title, options = ways[-1]
    starts, ends = word_times(sets["speaker 1"], reader.read(sets["speaker 1"], *options))
    lines += ["\n### Word times\n",
              f"{len(starts)} words of speaker 1 in clips read without error ({title}), "
              "against the corpus's alignments: starts "
              f"{1000 * mean(starts):+.0f} ms on average ({1000 * mean(map(abs, starts)):.0f} ms "
              f"off), ends {1000 * mean(ends):+.0f} ms ({1000 * mean(map(abs, ends)):.0f} ms off). "
              "A frame lasts 40 ms."]
    return "\n".join(lines) + "\n"


def update(path, text):
    with open(path, encoding="utf-8") as file:
        old = file.read()
    head, rest = old.split(BEGIN)
    tail = rest.split(END)[1]
    with open(path, "w", encoding="utf-8") as file:
        file.write(f"{head}{BEGIN}\n{text}{END}{tail}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--program", default=os.path.join(ROOT, "build", "viseme"))
    parser.add_argument("--weights", default=WEIGHTS, help="what to read with")
    parser.add_argument("--update", metavar="FILE", help="put the tables into this file")
    args = parser.parse_args()
    if not os.path.isdir(CLIPS):
        print("skipped: ../shared/clips/grid is not here")
        return
    if not shutil.which("ffmpeg"):
        sys.exit("confidence.py: the ffmpeg program is not installed")
    with tempfile.TemporaryDirectory() as folder:
        text = measure(Reader(os.path.abspath(args.program), args.weights), folder)
    print(text, end="")
    if args.update:
        update(args.update, text)


if __name__ == "__main__":
    main()
