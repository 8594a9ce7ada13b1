#!/usr/bin/env python3
"""Writes the characters of assets/avatars: NAME.json, who it is, and NAME.png, a portrait.

    avatars.py [DIR]
"""
import json
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

import cairo  # noqa: E402
import numpy as np  # noqa: E402

from synth.corpus import AVATARS, write_png  # noqa: E402
from synth.face import Face, Light  # noqa: E402
from synth.identity import sample  # noqa: E402
from synth.pen import Pose  # noqa: E402

SIDE = 512
SMILE = (0.0, 0.55, 0.0, -0.1, -0.1, 0.0, 0.3)

# name: (seed of what is not said here, what is)
CHARACTERS = {
    "ada": (11, {"soft": 0.85, "hair": "bob", "hair_colour": [0.17, 0.12, 0.10], "beard": "none",
                 "glasses": "round", "skin_depth": 0.28, "age": 0.2, "clothes": "collar",
                 "cloth_colour": [0.24, 0.36, 0.48], "lip_redness": 0.5, "freckles": 0.2}),
    "ben": (12, {"soft": 0.15, "hair": "short", "hair_colour": [0.42, 0.29, 0.18],
                 "beard": "stubble", "glasses": "none", "skin_depth": 0.15, "age": 0.35,
                 "clothes": "crew", "cloth_colour": [0.30, 0.42, 0.34], "freckles": 0.1,
                 "lashes": 0.35, "lip_redness": 0.25}),
    "chidi": (13, {"soft": 0.2, "hair": "curly", "hair_colour": [0.11, 0.09, 0.08],
                   "beard": "full", "beard_length": 0.7, "glasses": "none", "skin_depth": 0.85,
                   "age": 0.3, "clothes": "jacket", "cloth_colour": [0.52, 0.30, 0.22],
                   "lashes": 0.4, "lip_redness": 0.25}),
    "mei": (14, {"soft": 0.8, "hair": "long", "hair_colour": [0.10, 0.08, 0.08], "beard": "none",
                 "glasses": "none", "skin_depth": 0.2, "age": 0.1, "clothes": "v",
                 "cloth_colour": [0.58, 0.26, 0.32], "eye_slant": 0.03, "freckles": 0.0,
                 "iris_colour": [0.29, 0.19, 0.12], "lip_redness": 0.55}),
    "rosa": (15, {"soft": 0.75, "hair": "tied", "hair_colour": [0.50, 0.49, 0.48],
                  "beard": "none", "glasses": "square", "skin_depth": 0.45, "age": 0.8,
                  "clothes": "jacket", "cloth_colour": [0.36, 0.28, 0.46], "freckles": 0.3,
                  "frame_colour": [0.25, 0.14, 0.12]}),
    "tom": (16, {"soft": 0.3, "hair": "bald", "hair_colour": [0.45, 0.24, 0.13],
                 "beard": "goatee", "beard_length": 0.8, "glasses": "rimless", "skin_depth": 0.1,
                 "age": 0.6, "clothes": "collar", "cloth_colour": [0.20, 0.26, 0.34],
                 "freckles": 0.9, "lashes": 0.35, "lip_redness": 0.25}),
}


def character(name):
    """What NAME.json holds."""
    seed, given = CHARACTERS[name]
    return {"name": name, "identity": {**sample(np.random.default_rng(seed)), **given}}


def portrait(identity, side=SIDE):
    """uint8 [side side 3] BGR."""
    surface = cairo.ImageSurface(cairo.FORMAT_RGB24, side, side)
    context = cairo.Context(surface)
    wall = cairo.LinearGradient(0, 0, side, side)
    wall.add_color_stop_rgb(0, 0.80, 0.83, 0.85)
    wall.add_color_stop_rgb(1, 0.56, 0.60, 0.64)
    context.set_source(wall)
    context.paint()
    pose = Pose(side / 2, side * 0.50, side / 3.45, yaw=0.06, roll=0.01)
    Face(identity).draw(context, pose, SMILE, light=Light(-0.7, 0.35))
    surface.flush()
    raw = np.ndarray((side, side, 4), np.uint8, surface.get_data(),
                     strides=(surface.get_stride(), 4, 1))
    return raw[:, :, :3].copy()


def main(argv):
    folder = argv[1] if len(argv) > 1 else AVATARS
    os.makedirs(folder, exist_ok=True)
    for name in CHARACTERS:
        facts = character(name)
        with open(os.path.join(folder, name + ".json"), "w", encoding="utf-8") as out:
            json.dump(facts, out, indent=1, sort_keys=True)
            out.write("\n")
        write_png(os.path.join(folder, name + ".png"), portrait(facts["identity"]))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))
