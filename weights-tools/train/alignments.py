"""When which word is said: GRID's alignments, 25 000 ticks a second."""
import os

TICKS = 25000
SILENT = {"sil", "sp"}


class AlignmentError(Exception):
    """One sentence for the user."""


def words_of(lines, where):
    """Lines `start end word` -> [(start, end, word)] in seconds, silence left out."""
    words = []
    for number, line in enumerate(lines, 1):
        fields = line.split()
        if not fields:
            continue
        try:
            start, end, word = int(fields[0]) / TICKS, int(fields[1]) / TICKS, fields[2]
        except (ValueError, IndexError):
            raise AlignmentError(f"{where}: line {number} is not `start end word`") from None
        if not 0 <= start <= end:
            raise AlignmentError(f"{where}: line {number} ends before it starts")
        if word not in SILENT:
            words.append((start, end, word))
    return words


def read_align(path):
    """A file NAME.align -> [(start, end, word)]."""
    with open(path, encoding="utf-8") as lines:
        return words_of(lines, path)


def read_table(path):
    """A table `clip start end word` with one line of headings -> {clip: [(start, end, word)]}."""
    by_clip = {}
    with open(path, encoding="utf-8") as lines:
        next(lines, None)
        for line in lines:
            clip, _, rest = line.partition("\t")
            by_clip.setdefault(clip, []).append(rest)
    return {clip: words_of(rest, f"{path}, clip {clip}") for clip, rest in by_clip.items()}


def read_folder(folder, names):
    """{name: [(start, end, word)]} of those among `names` that have an alignment: in
    folder/alignments.tsv or in folder/NAME.align."""
    table = os.path.join(folder, "alignments.tsv")
    found = read_table(table) if os.path.exists(table) else {}
    for name in names:
        path = os.path.join(folder, name + ".align")
        if name not in found and os.path.exists(path):
            found[name] = read_align(path)
    return {name: found[name] for name in names if name in found}
