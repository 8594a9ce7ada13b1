"""How the picture is taken: framing, light, background, and what a camera spoils."""
import math

import cairo
import numpy as np

from synth.face import Light

# What a condition draws its numbers from, (least, most). `clean` holds for what is not named.
#   face      half a face box against the height of the picture
#   motion    amount of head motion
#   level     brightness; noise: standard deviation in grey levels; blur: sigma in pixels
#   crf       of H.264: 18 near lossless, 38 poor
#   side      strength of light from one side
#   gaps      how many times the face is out of the picture for a moment
CLEAN = {"face": (0.225, 0.285), "motion": (0.6, 1.2), "level": (0.92, 1.05), "noise": (0.0, 2.0),
         "blur": (0.0, 0.4), "crf": (18, 22), "side": (0.1, 0.55), "gaps": (0, 0)}
CONDITIONS = {
    "clean": {},
    "mixed": {"face": (0.18, 0.30), "motion": (0.5, 2.0), "level": (0.65, 1.1),
              "noise": (0.0, 6.0), "blur": (0.0, 0.9), "crf": (18, 30), "side": (0.0, 0.8)},
    "low_light": {"level": (0.34, 0.50), "noise": (4.0, 8.0), "crf": (22, 28)},
    "noise": {"noise": (8.0, 15.0), "crf": (20, 26)},
    "small": {"face": (0.105, 0.135)},
    "motion": {"motion": (2.4, 3.4)},
    "blur": {"blur": (1.1, 1.8)},
    "compressed": {"crf": (33, 38)},
    "side_light": {"side": (0.85, 1.0)},
    "gaps": {"gaps": (1, 2)},
}
GAP_SECONDS = (0.15, 0.40)
SIZES = {"small": (320, 240), "grid": (360, 288), "medium": (640, 480), "large": (1280, 720)}


class Camera:
    """One shot. width, height: pixels; condition: a name of CONDITIONS; rng: numpy Generator."""

    def __init__(self, rng, width, height, condition, seconds):
        ranges = {**CLEAN, **CONDITIONS[condition]}
        pick = {k: float(rng.uniform(*ranges[k])) for k in
                ("face", "motion", "level", "noise", "blur", "side")}
        self.width, self.height = width, height
        self.scale = pick["face"] * min(height, width * 0.9)
        self.x = width * (0.5 + float(rng.uniform(-0.08, 0.08)))
        self.y = height * (0.47 + float(rng.uniform(-0.03, 0.05)))
        self.motion = pick["motion"]
        self.level, self.noise, self.blur = pick["level"], pick["noise"], pick["blur"]
        self.crf = int(rng.integers(ranges["crf"][0], ranges["crf"][1] + 1))
        self.light = Light(float(rng.choice((-1, 1))) * float(rng.uniform(0.5, 1)), pick["side"],
                           float(rng.uniform(-1, 1)))
        self.gaps = []
        for _ in range(int(rng.integers(ranges["gaps"][0], ranges["gaps"][1] + 1))):
            length = float(rng.uniform(*GAP_SECONDS))
            start = float(rng.uniform(0.3, max(0.31, seconds - length - 0.3)))
            self.gaps.append((round(start, 3), round(start + length, 3)))
        self.seed = int(rng.integers(1 << 31))
        self.background = _background(np.random.default_rng(self.seed), width, height, self.light)
        self._tiles = _noise_tiles(self.seed, width, height) if self.noise > 0.2 else None
        self._table = self._tone()
        self._kernel = _gaussian(self.blur)

    def facts(self):
        """What a manifest says about the shot."""
        return {"face": round(self.scale, 2), "motion": round(self.motion, 3),
                "level": round(self.level, 3), "noise": round(self.noise, 2),
                "blur": round(self.blur, 2), "crf": self.crf,
                "light": [round(self.light.side, 3), round(self.light.strength, 3)],
                "gaps": self.gaps}

    def hidden(self, t):
        """Whether the face is out of the picture at time t."""
        return any(a <= t < b for a, b in self.gaps)

    def _tone(self):
        """uint8 [3 256], B G R: brightness and the colour of the light."""
        ramp = np.arange(256) / 255
        warm = 0.05 * self.light.warmth
        rows = [ramp * self.level * (1 + tint) for tint in (-warm, 0.0, warm)]
        return np.clip(np.rint(np.array(rows) * 255), 0, 255).astype(np.uint8)

    def expose(self, surface, index):
        """The picture of one frame, uint8 [H W 3] BGR. surface: cairo RGB24."""
        surface.flush()
        raw = np.ndarray((self.height, self.width, 4), np.uint8, surface.get_data(),
                         strides=(surface.get_stride(), 4, 1))
        out = np.empty((self.height, self.width, 3), np.uint8)
        for channel in range(3):
            out[:, :, channel] = self._table[channel][raw[:, :, channel]]
        if self._kernel is not None:
            out = _blur(out, self._kernel)
        if self._tiles is not None:
            rng = np.random.default_rng((self.seed, index))
            dy, dx = int(rng.integers(64)), int(rng.integers(64))
            grain = self._tiles[index % len(self._tiles)]
            grain = grain[dy:dy + self.height, dx:dx + self.width] * np.float32(self.noise)
            out = np.clip(out + grain, 0, 255).astype(np.uint8)
        return out


def _noise_tiles(seed, width, height):
    """float32 [4 H W 3] of unit noise, mostly grey, a little larger than the picture."""
    rng = np.random.default_rng((seed, 1))
    shape = (4, height + 64, width + 64)
    grey = rng.standard_normal(shape + (1,), np.float32)
    colour = rng.standard_normal(shape + (3,), np.float32)
    return 0.8 * grey + 0.6 * colour


def _gaussian(sigma):
    if sigma < 0.3:
        return None
    reach = int(math.ceil(2.5 * sigma))
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma) ** 2)
    return (kernel / kernel.sum()).astype(np.float32)


def _blur(picture, kernel):
    reach = len(kernel) // 2
    out = picture.astype(np.float32)
    for axis in (0, 1):
        pad = [(0, 0)] * 3
        pad[axis] = (reach, reach)
        wide = np.pad(out, pad, mode="edge")
        length = out.shape[axis]
        out = sum(k * (wide[i:i + length] if axis == 0 else wide[:, i:i + length])
                  for i, k in enumerate(kernel))
    return np.rint(out).astype(np.uint8)


def _background(rng, width, height, light):
    """A wall with a fall-off of light and, mostly, blurred things before it; a cairo surface."""
    surface = cairo.ImageSurface(cairo.FORMAT_RGB24, width, height)
    c = cairo.Context(surface)
    grey = float(rng.uniform(0.30, 0.85))
    wall = np.clip(grey + rng.normal(0, 0.05, 3), 0.1, 0.95)
    fall = cairo.LinearGradient(width if light.side > 0 else 0, 0,
                                0 if light.side > 0 else width, height)
    fall.add_color_stop_rgb(0, *np.minimum(1, wall * 1.12))
    fall.add_color_stop_rgb(1, *(wall * 0.72))
    c.set_source(fall)
    c.paint()
    for _ in range(int(rng.integers(0, 7))):
        x, y = float(rng.uniform(0, width)), float(rng.uniform(0, height))
        colour = np.clip(wall * rng.uniform(0.6, 1.35) + rng.normal(0, 0.06, 3), 0, 1)
        if rng.random() < 0.5:
            rx, ry = (float(v) * height for v in rng.uniform(0.1, 0.45, 2))
            fade = cairo.RadialGradient(0, 0, 0, 0, 0, 1)
            for at, alpha in ((0, 0.7), (0.6, 0.5), (1, 0)):
                fade.add_color_stop_rgba(at, *colour, alpha)
            c.save()
            c.translate(x, y)
            c.scale(rx, ry)
            c.set_source(fade)
            c.rectangle(-1, -1, 2, 2)
            c.fill()
            c.restore()
        else:
            wide = float(rng.uniform(0.05, 0.3)) * width
            fade = cairo.LinearGradient(x, 0, x + wide, 0)
            for at, alpha in ((0, 0), (0.12, 0.55), (0.88, 0.55), (1, 0)):
                fade.add_color_stop_rgba(at, *colour, alpha)
            c.set_source(fade)
            c.rectangle(x, 0, wide, height)
            c.fill()
    return surface
