"""Who is drawn: a face as numbers.

Lengths are in face units: half the width of the box that a frontal-face detector gives, so that
the outer corners of the eyes are about 1.05 apart. x grows to the right of the picture, y down, and
(0, 0) is between the eyes and the tip of the nose.
"""
import colorsys

import numpy as np

# name: (least, most, meaning). Drawn uniformly unless sample() says otherwise.
RANGES = {
    "skin_depth": (0.0, 1.0, "skin, from the lightest to the darkest"),
    "skin_warmth": (-1.0, 1.0, "skin, from rosy to olive"),
    "blush": (0.0, 0.35, "redness of the cheeks"),
    "freckles": (0.0, 1.0, "freckles; none below 0.8"),
    "age": (0.0, 1.0, "lines beside the mouth and under the eyes"),
    "face_width": (0.76, 0.86, "half the width at the cheekbones"),
    "jaw_width": (0.61, 0.71, "half the width at the height of the mouth"),
    "chin_y": (1.05, 1.15, "lowest point of the chin"),
    "chin_width": (0.19, 0.31, "half the width of the chin"),
    "hairline": (-0.98, -0.80, "y of the hairline"),
    "skull_top": (-1.48, -1.34, "y of the top of the hair"),
    "eye_x": (0.335, 0.360, "centre of an eye"),
    "eye_y": (-0.26, -0.22, "height of the eyes"),
    "eye_width": (0.170, 0.195, "half the width of an eye"),
    "eye_open": (0.070, 0.098, "half the height of an open eye"),
    "eye_slant": (-0.020, 0.035, "how much the outer corner is raised"),
    "iris": (0.076, 0.088, "radius of the iris"),
    "brow_gap": (0.15, 0.21, "from the eye up to the brow"),
    "brow_thickness": (0.036, 0.064, "of the brow"),
    "brow_arch": (0.02, 0.07, "height of its bow"),
    "nose_width": (0.130, 0.195, "half the width at the wings"),
    "nose_y": (0.24, 0.30, "y of the base of the nose"),
    "nose_bridge": (0.055, 0.085, "half the width of the bridge"),
    "mouth_y": (0.57, 0.63, "y of the line between the closed lips"),
    "mouth_width": (0.285, 0.345, "half the width of the mouth at rest"),
    "mouth_curve": (-0.002, 0.026, "how much the corners are raised"),
    "upper_lip": (0.050, 0.082, "thickness of the upper lip"),
    "lower_lip": (0.070, 0.105, "thickness of the lower lip"),
    "cupid": (0.010, 0.026, "depth of the upper lip's bow"),
    "lip_redness": (0.15, 0.75, "lips against the skin; above 0.6 painted"),
    "teeth_white": (0.80, 0.95, "brightness of the teeth"),
    "ear_size": (0.17, 0.23, "half the height of an ear"),
    "hair_volume": (0.04, 0.16, "hair beside the head"),
    "curl": (0.0, 1.0, "waviness of the hair's edge"),
    "beard_length": (0.3, 1.0, "of facial hair, from a shadow to a full beard"),
}
HAIR = ("short", "parted", "fringe", "bob", "long", "tied", "curly", "bald")
BEARDS = ("none", "stubble", "moustache", "goatee", "full")
GLASSES = ("none", "round", "square", "rimless")
CLOTHES = ("crew", "collar", "v", "jacket")

_SKINS = ((238, 205, 186), (231, 192, 166), (218, 175, 142), (200, 152, 116), (170, 120, 84),
          (138, 96, 68), (112, 78, 58))
_HAIRS = ((28, 22, 20), (44, 31, 25), (74, 50, 34), (110, 76, 46), (160, 118, 70), (205, 168, 112),
          (148, 70, 36), (126, 122, 120), (206, 202, 196))
_IRISES = ((74, 48, 30), (96, 66, 38), (112, 98, 52), (88, 112, 84), (92, 124, 148), (70, 98, 136))


def _rgb(values):
    return [round(float(np.clip(v, 0, 1)), 4) for v in values]


def _between(colours, at):
    at = float(np.clip(at, 0, 1)) * (len(colours) - 1)
    i = min(int(at), len(colours) - 2)
    a, b = np.array(colours[i]) / 255, np.array(colours[i + 1]) / 255
    return a + (b - a) * (at - i)


def sample(rng):
    """A random identity: a dictionary of numbers, lists and names that JSON can hold.
    rng: numpy Generator."""
    p = {name: round(float(rng.uniform(lo, hi)), 4) for name, (lo, hi, _) in RANGES.items()}
    soft = float(rng.random())  # rounder faces, longer hair, redder lips; beards without
    p["soft"] = round(soft, 4)
    p["jaw_width"] = round(p["jaw_width"] - 0.05 * soft, 4)
    p["brow_thickness"] = round(p["brow_thickness"] * (1.15 - 0.4 * soft), 4)
    p["lip_redness"] = round(0.15 + (0.25 + 0.5 * soft) * float(rng.random()), 4)
    p["lashes"] = round(0.3 + 0.7 * soft, 4)
    hair = ("bob", "long", "tied", "fringe", "curly", "long") if soft > 0.5 else \
        ("short", "short", "parted", "curly", "fringe", "bald")
    p["hair"] = str(rng.choice(hair))
    beards = ("none",) if soft > 0.45 else ("none", "none", "stubble", "moustache", "goatee",
                                            "full")
    p["beard"] = str(rng.choice(beards))
    p["glasses"] = str(rng.choice(("none",) * 6 + ("round", "square", "rimless")))
    p["clothes"] = str(rng.choice(CLOTHES))
    p["hair_colour"] = _hair_colour(rng, p["skin_depth"])
    p["iris_colour"] = _rgb(np.array(
        _IRISES[int(rng.integers(0, 2 if p["skin_depth"] > 0.55 else len(_IRISES)))]) / 255)
    p["cloth_colour"] = _rgb(colorsys.hsv_to_rgb(rng.random(), rng.uniform(0.1, 0.65),
                                                 rng.uniform(0.25, 0.8)))
    p["frame_colour"] = _rgb(_between(((25, 25, 28), (70, 45, 30), (150, 120, 70)), rng.random()))
    p["texture_seed"] = int(rng.integers(1 << 31))
    return p


def _hair_colour(rng, depth):
    if depth > 0.55:
        pick = int(rng.choice((0, 0, 0, 1, 1, 2, 7)))
    else:
        pick = int(rng.integers(len(_HAIRS)))
    return _rgb(np.array(_HAIRS[pick]) / 255 * rng.uniform(0.85, 1.15))


def colours(p):
    """The colours that follow from an identity: {name: (r, g, b)}, 0 to 1."""
    skin = _between(_SKINS, p["skin_depth"])
    skin = skin * (1 + 0.03 * p["skin_warmth"] * np.array((-0.4, 0.8, -1.0)))
    red = np.array((0.72, 0.24, 0.27)) * (0.55 + 0.45 * skin.mean() / 0.8)
    lip = skin * (0.86, 0.66, 0.64) * (1 - p["lip_redness"]) + red * p["lip_redness"]
    return {
        "skin": tuple(skin),
        "light": tuple(np.minimum(1, skin * (1.06 + 0.12 * p["skin_depth"]) + 0.015)),
        "shade": tuple(skin * (0.66, 0.55, 0.50)),
        "deep": tuple(skin * (0.40, 0.29, 0.26)),
        "blush": tuple(skin * (1.0, 0.66, 0.62)),
        "lip": tuple(lip),
        "lip_dark": tuple(lip * (0.62, 0.50, 0.52)),
        "lip_light": tuple(np.minimum(1, lip * 1.18 + 0.06)),
        "hair": tuple(p["hair_colour"]),
        "hair_dark": tuple(np.array(p["hair_colour"]) * 0.55),
        "hair_light": tuple(np.minimum(1, np.array(p["hair_colour"]) * 1.35 + 0.03)),
    }
