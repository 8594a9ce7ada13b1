"""Words read: error rates by condition, beside the homophene oracle.

A network that emits letters is read greedily and with the grammar of what is said; one that writes
units, by its joint search.
"""
import sys

import grid
import record
import testset
from reader import Reader, grammar
from synth import oracle, sentences

LETTERS = ("greedy", "grammar")  # ways of reading; the first is the one that "exact" is about
UNITS = ("joint",)
WAYS = {"greedy": "greedy decoding", "joint": "joint search",
        "grammar": "with `--grammar` grid or digits, whichever the clips say"}
NOTES = """
WER, CER: word and character error rates of `viseme read`, {ways}. Oracle: the word error rate to
expect of a reader who knows the grammar and the accent and guesses among words that draw alike, and
its standard deviation; it does not count how long shapes last (weights-tools/synth/oracle.py), and
is not known for everyday sentences ("words"). Exact: clips without an error; held: frames in which
no face was found; warned: clips below the weights' confidence threshold; all three by {first}.
Conditions other than clean are the first clips of clean, drawn anew; two rates p over n words
differ by chance by up to about 2 sqrt(2 p (1 - p) / n).
""".strip()


class Part:
    """Clips that share a grammar, a name. voices: of the clips, for the oracle; None: no oracle,
    and none for a grammar that does not say which words may stand in a word's place."""

    def __init__(self, paths, texts, voices, name):
        self.paths, self.texts, self.grammar, self.sizes = paths, texts, name, None
        if voices and name != "words":
            slots = sentences.load(name).slots()
            self.sizes = [k for text, voice in zip(texts, voices)
                          for k in oracle.class_sizes(text, voice, slots)]


def _rendered(kind, condition, settings, drawn):
    found = testset.clips(kind, condition, testset.QUICK if settings.quick else None,
                          settings.jobs)
    drawn.append(found)
    return Part([c["path"] for c in found], [c["text"] for c in found],
                [c["voice"] for c in found], kind)


def _groups(settings, kinds, drawn):
    """(name, condition, parts) of each row."""
    for condition in testset.CONDITIONS:
        parts = [_rendered(kind, condition, settings, drawn) for kind in kinds]
        if condition == "clean" and len(parts) > 1:
            for part in parts:
                yield f"clean, {part.grammar} sentences", condition, [part]
            yield "clean, both" if len(parts) == 2 else "clean, all", condition, parts
        else:
            yield condition, condition, parts
    for name, paths in zip(("GRID speaker 1", "GRID strangers"), grid.clips()):
        paths = paths[:testset.QUICK] if settings.quick else paths
        if paths:
            yield name, None, [Part(paths, [" ".join(grid.sentence(p)) for p in paths], None,
                                    "grid")]


def _row(reader, name, condition, parts, ways):
    texts = [t for part in parts for t in part.texts]
    plain = [r for part in parts for r in reader.read(part.paths)]
    row = {"measure": "read", "name": name, "condition": condition, "clips": len(texts)}
    for decoding in ways:
        found = plain if decoding != "grammar" else \
            [r for part in parts for r in reader.read(part.paths, *grammar(part.grammar))]
        rates = reader.error_rates(texts, found)
        row[decoding] = {"wer": rates["words"]["error_rate"],
                         "cer": rates["characters"]["error_rate"],
                         "exact": rates["exact"],
                         "unread": sum(r["status"] != "ok" for r in found)}
    row["words"] = rates["words"]["reference"]
    row["oracle"] = None
    if all(part.sizes for part in parts):
        sizes = [k for part in parts for k in part.sizes]
        row["oracle"] = dict(zip(("wer", "deviation"), oracle.error_rate(sizes)))
    crops = sum(r.get("crops", 0) for r in plain)
    row["held"] = sum(r.get("crops_held", 0) for r in plain) / crops if crops else 1
    row["warned"] = sum(r.get("out_of_domain", True) for r in plain)
    return row


def measure(settings):
    """{"rows": one for each condition, "ways": of reading, "test_set": what the rows are of}.
    settings: program, weights, sentences (None: those of the weights), quick, jobs."""
    reader, rows, drawn = Reader(settings.program, settings.weights), [], []
    ways = UNITS if reader.joint() else LETTERS
    kinds = settings.sentences or reader.sentences() or testset.SENTENCES
    for name, condition, parts in _groups(settings, kinds, drawn):
        rows.append(_row(reader, name, condition, parts, ways))
        print(f"read: {name}: WER {_percent(rows[-1][ways[0]]['wer'])}", file=sys.stderr)
    return {"rows": rows, "ways": ways,
            "test_set": {"seed": testset.SEED, "split": "test",
                         "pixels_sha256": testset.digest(drawn)}}


def _percent(x):
    return f"{100 * x:.1f} %"


def _oracle(best):
    return f"{_percent(best['wer'])} (± {100 * best['deviation']:.1f})" if best else "-"


def markdown(found):
    """The lines of a results page. found: of measure()."""
    first, *others = ways = found["ways"]
    head = ("condition", "clips", "words", "WER", "CER",
            *(f"{rate}, {way}" for way in others for rate in ("WER", "CER")), "oracle WER",
            "exact", "frames held", "warned")
    notes = NOTES.format(ways="; ".join(WAYS[way] for way in ways), first=WAYS[first])
    cells = []
    for r in found["rows"]:
        cells.append((r["name"], r["clips"], r["words"],
                      *(_percent(r[way][rate]) for way in ways for rate in ("wer", "cer")),
                      _oracle(r["oracle"]), r[first]["exact"], _percent(r["held"]), r["warned"]))
    test = found["test_set"]
    return ["## Words read", "", *record.table(head, cells), "", notes, "",
            f"Rendered clips: docs/synth.md, split {test['split']}, seed {test['seed']}; SHA-256 "
            f"of all pictures `{test['pixels_sha256'][:16]}`."]
