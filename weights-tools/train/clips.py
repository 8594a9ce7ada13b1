"""Which videos a folder holds, what they are called, and who is seen in them."""
import json
import os
import zlib

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
