"""Which videos a folder holds, what they are called, who is seen in them, and preparing them."""
import concurrent.futures
import glob
import json
import os
import sys
import zlib

from train.alignments import read_folder
from train.progress import Progress

MEDIA = (".mkv", ".mp4", ".mpg", ".mov")


def person(path):
    """Who is seen: a number for each identity of a rendered clip, the clip's name otherwise."""
    facts = os.path.splitext(path)[0] + ".json"
    if not os.path.exists(facts):
        return base_name(path)
    with open(facts, encoding="utf-8") as file:
        identity = json.load(file)["identity"]
    return f"{zlib.crc32(json.dumps(identity, sort_keys=True).encode()):08x}"


def base_name(path):
    """What a clip is called in a work folder: its folder's and its own name."""
    folder, name = os.path.split(os.path.abspath(path))
    return os.path.basename(folder) + "-" + os.path.splitext(name)[0]


def videos(folders, limit=None):
    """[(path, [(start, end, word)] or None, name in a work folder)] of the videos of `folders`, at
    most `limit` of each."""
    found = []
    for folder in folders:
        paths = sorted(p for end in MEDIA for p in glob.glob(os.path.join(folder, "*" + end)))
        names = [os.path.splitext(os.path.basename(p))[0] for p in paths[:limit]]
        words = read_folder(folder, names)
        found += [(p, words.get(n), base_name(p)) for p, n in zip(paths, names)]
    return found


def prepare_all(pool, prepare, todo):
    """Calls prepare(job) for every job, whose last item is a clip's path without the ending; says
    which clips are left out and why. Returns the names of the clips that are there."""
    progress = Progress("clips", len(todo))
    for problem in pool.map(prepare, todo):
        progress.step()
        if problem:
            print(f"left out: {problem}", file=sys.stderr)
    return [os.path.basename(job[-1]) for job in todo if os.path.exists(job[-1] + ".json")]


def prepare_folders(prepare, program, folders, work, jobs=1, limit=None):
    """Prepares the videos of `folders` (at most `limit` of each) in `jobs` processes by
    prepare((program, path, words or None, path of the clip without the ending)). Returns the names
    of the clips that are there."""
    os.makedirs(work, exist_ok=True)
    todo = [(program, path, words, os.path.join(work, name))
            for path, words, name in videos(folders, limit)]
    with concurrent.futures.ProcessPoolExecutor(jobs) as pool:
        return prepare_all(pool, prepare, todo)


def prepared(work, prefixes=("",)):
    """The names of the whole clips of a work folder that start with one of `prefixes`, sorted."""
    names = sorted(os.path.basename(p)[:-5] for p in glob.glob(os.path.join(work, "*.json")))
    return [n for n in names if n.startswith(tuple(prefixes))]
