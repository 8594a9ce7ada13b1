#!/usr/bin/env python3
"""Draws docs/synth.png: people of the corpus, and every shape of the mouth.

    sheet.py OUT.png [--people N] [--seed S]
"""
import argparse
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

import cairo  # noqa: E402
import numpy as np  # noqa: E402

from synth.corpus import write_png  # noqa: E402
from synth.face import Face, Light  # noqa: E402
from synth.identity import sample  # noqa: E402
from synth.pen import Pose  # noqa: E402
from synth.visemes import VISEMES  # noqa: E402

COLUMNS, CELL = 8, 120           # people
MOUTH_WIDTH, MOUTH_HEIGHT = 120, 64


def picture(face, width, height, pose, mouth, light=Light()):
    surface = cairo.ImageSurface(cairo.FORMAT_RGB24, width, height)
    context = cairo.Context(surface)
    context.set_source_rgb(0.66, 0.70, 0.73)
    context.paint()
    face.draw(context, pose, mouth, light=light)
    return surface


def sheet(people, seed):
    """uint8 [H W 3] BGR."""
    rng = np.random.default_rng(seed)
    rows, mouth_rows = -(-people // COLUMNS), -(-len(VISEMES) // COLUMNS)
    width, height = COLUMNS * CELL, rows * CELL + mouth_rows * MOUTH_HEIGHT
    out = cairo.ImageSurface(cairo.FORMAT_RGB24, width, height)
    context = cairo.Context(out)
    faces = [Face(sample(rng)) for _ in range(people)]
    for k, face in enumerate(faces):
        pose = Pose(CELL / 2, CELL * 0.52, CELL / 3.5, *rng.uniform(-0.14, 0.14, 2) * (1, 0.5),
                    rng.uniform(-0.05, 0.05))
        mouth = list(VISEMES.values())[k % len(VISEMES)][0]
        cell = picture(face, CELL, CELL, pose, mouth, Light(rng.uniform(-1, 1), 0.5))
        context.set_source_surface(cell, k % COLUMNS * CELL, k // COLUMNS * CELL)
        context.paint()
    for k, (name, (mouth, _, _)) in enumerate(VISEMES.items()):
        scale = MOUTH_WIDTH / 1.33
        face = faces[k // COLUMNS % len(faces)]
        pose = Pose(MOUTH_WIDTH / 2, MOUTH_HEIGHT / 2 - (face.p["mouth_y"] + 0.02) * scale, scale)
        cell = picture(face, MOUTH_WIDTH, MOUTH_HEIGHT, pose, mouth)
        label = cairo.Context(cell)
        label.set_source_rgb(1, 1, 1)
        label.set_font_size(11)
        label.move_to(4, 12)
        label.show_text(name)
        context.set_source_surface(cell, k % COLUMNS * MOUTH_WIDTH,
                                   rows * CELL + k // COLUMNS * MOUTH_HEIGHT)
        context.paint()
    out.flush()
    raw = np.ndarray((height, width, 4), np.uint8, out.get_data(), strides=(out.get_stride(), 4, 1))
    return raw[:, :, :3].copy()


def main():
    parser = argparse.ArgumentParser(prog="sheet.py", description="Draw a contact sheet.")
    parser.add_argument("out", metavar="OUT.png")
    parser.add_argument("--people", type=int, default=24)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    write_png(args.out, sheet(args.people, args.seed))
    return 0


if __name__ == "__main__":
    sys.exit(main())
