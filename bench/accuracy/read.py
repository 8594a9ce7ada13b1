"""Words read: error rates by condition, with and without a grammar, beside the homophene oracle."""
import sys

import grid
import record
import testset
from reader import Reader, grammar
from synth import oracle, sentences

HEAD = ("condition", "clips", "words", "WER", "CER", "WER, grammar", "CER, grammar", "oracle WER",
        "exact", "frames held", "warned")
NOTES = """
WER, CER: word and character error rates of `viseme read`, greedy decoding. Grammar: with
`--grammar` grid or digits, whichever the clips say. Oracle: the word error rate to expect of a
reader who knows the grammar and the accent and guesses among words that draw alike, and its
standard deviation; it does not count how long shapes last (weights-tools/synth/oracle.py). Exact:
clips without an error; held: frames in which no face was found; warned: clips below the weights'
confidence threshold; all three without a grammar. Conditions other than clean are the first clips
of clean, drawn anew; two rates p over n words differ by chance by up to about
2 sqrt(2 p (1 - p) / n).
""".strip()


class Part:
    """Clips that share a grammar, a name. voices: of the clips, for the oracle; None: no oracle."""

    def __init__(self, paths, texts, voices, name):
        self.paths, self.texts, self.grammar = paths, texts, name
        slots = sentences.load(name).slots() if voices else None
        self.sizes = [k for text, voice in zip(texts, voices or ())
                      for k in oracle.class_sizes(text, voice, slots)]


def _rendered(kind, condition, settings, drawn):
    found = testset.clips(kind, condition, testset.QUICK if settings.quick else None,
                          settings.jobs)
    drawn.append(found)
    return Part([c["path"] for c in found], [c["text"] for c in found],
                [c["voice"] for c in found], kind)


def _groups(settings, drawn):
    """(name, condition, parts) of each row."""
    for condition in testset.CONDITIONS:
        parts = [_rendered(kind, condition, settings, drawn) for kind in testset.SENTENCES]
        if condition == "clean":
            for part in parts:
                yield f"clean, {part.grammar} sentences", condition, [part]
        yield f"{condition}, both" if condition == "clean" else condition, condition, parts
    for name, paths in zip(("GRID speaker 1", "GRID strangers"), grid.clips()):
        paths = paths[:testset.QUICK] if settings.quick else paths
        if paths:
            yield name, None, [Part(paths, [" ".join(grid.sentence(p)) for p in paths], None,
                                    "grid")]


def _row(reader, name, condition, parts):
    texts = [t for part in parts for t in part.texts]
    plain = [r for part in parts for r in reader.read(part.paths)]
    known = [r for part in parts for r in reader.read(part.paths, *grammar(part.grammar))]
    row = {"measure": "read", "name": name, "condition": condition, "clips": len(texts)}
    for decoding, found in (("greedy", plain), ("grammar", known)):
        rates = reader.error_rates(texts, found)
        row[decoding] = {"wer": rates["words"]["error_rate"],
                         "cer": rates["characters"]["error_rate"],
                         "exact": rates["exact"],
                         "unread": sum(r["status"] != "ok" for r in found)}
    row["words"] = rates["words"]["reference"]
    sizes = [k for part in parts for k in part.sizes]
    row["oracle"] = dict(zip(("wer", "deviation"), oracle.error_rate(sizes))) if sizes else None
    crops = sum(r.get("crops", 0) for r in plain)
    row["held"] = sum(r.get("crops_held", 0) for r in plain) / crops if crops else 1
    row["warned"] = sum(r.get("out_of_domain", True) for r in plain)
    return row


def measure(settings):
    """{"rows": one for each condition, "test_set": what they are of}. settings: program, weights,
    quick, jobs."""
    reader, rows, drawn = Reader(settings.program, settings.weights), [], []
    for name, condition, parts in _groups(settings, drawn):
        rows.append(_row(reader, name, condition, parts))
        print(f"read: {name}: WER {_percent(rows[-1]['greedy']['wer'])}", file=sys.stderr)
    return {"rows": rows, "test_set": {"seed": testset.SEED, "split": "test",
                                       "pixels_sha256": testset.digest(drawn)}}


def _percent(x):
    return f"{100 * x:.1f} %"


def _oracle(best):
    return f"{_percent(best['wer'])} (± {100 * best['deviation']:.1f})" if best else "-"


def markdown(found):
    """The lines of a results page. found: of measure()."""
    cells = []
    for r in found["rows"]:
        cells.append((r["name"], r["clips"], r["words"],
                      *(_percent(r[d][rate]) for d in ("greedy", "grammar")
                        for rate in ("wer", "cer")),
                      _oracle(r["oracle"]), r["greedy"]["exact"], _percent(r["held"]), r["warned"]))
    test = found["test_set"]
    return ["## Words read", "", *record.table(HEAD, cells), "", NOTES, "",
            f"Rendered clips: docs/synth.md, split {test['split']}, seed {test['seed']}; SHA-256 "
            f"of all pictures `{test['pixels_sha256'][:16]}`."]
