"""The clips of the GRID corpus in ../shared, where they are."""
import os

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
CLIPS = os.path.join(ROOT, os.pardir, "shared", "clips", "grid")

CODE = [dict(b="bin", l="lay", p="place", s="set"),
        dict(b="blue", g="green", r="red", w="white"),
        dict(a="at", b="by", i="in", w="with"), {},
        dict(zip("z123456789", "zero one two three four five six seven eight nine".split())),
        dict(a="again", n="now", p="please", s="soon")]


def sentence(path):
    """What is said in a clip, from the six letters of its name."""
    code = os.path.splitext(os.path.basename(path))[0].split("_")[-1]
    return [words.get(letter, letter) for words, letter in zip(CODE, code)]


def files(folder, ending):
    """Paths in a folder, sorted; none where there is no folder."""
    if not os.path.isdir(folder):
        return []
    return sorted(os.path.join(folder, name) for name in os.listdir(folder)
                  if name.endswith(ending))


def clips():
    """(24 clips of speaker 1, 10 of nine other speakers)."""
    found = files(CLIPS, ".mpg")
    known = [path for path in found if os.path.basename(path).startswith("s1_")]
    return known, [path for path in found if path not in known]
