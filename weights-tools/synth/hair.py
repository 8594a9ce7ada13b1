"""Hair, facial hair, glasses and clothes."""
import math

import numpy as np


class Hair:
    """The hair of one identity; strands are fixed once so that they move with the head."""

    def __init__(self, identity):
        self.p = identity
        rng = np.random.default_rng(identity["texture_seed"])
        self.strands = rng.random((70, 3)).tolist()
        self.bristles = rng.random((420, 3)).tolist()
        self.waves = rng.normal(0, 1, 40).tolist()

    def _crown(self, extra, x, bottom):
        """The outer outline over the head from side to side, from (-x, bottom) to (x, bottom)."""
        p = self.p
        wide, top = p["face_width"] + extra, p["skull_top"] - 0.3 * extra
        half = [(wide * 0.40, top + 0.06), (wide * 0.76, top + 0.29), (wide * 0.97, -0.76),
                (wide * 1.03, -0.35), (x, bottom)]
        return [(-a, b) for a, b in reversed(half)] + [(0, top)] + half

    def _curls(self, pen, colours, points, size):
        """Locks along a line, light above and dark below."""
        k = 0
        for (ax, ay), (bx, by) in zip(points, points[1:]):
            for u in (0.0, 0.5):
                k += 1
                r = size * (1 + 0.22 * self.waves[k % 40])
                x, y = ax + (bx - ax) * u, ay + (by - ay) * u
                pen.disc(x, y, r, r, colours["hair"])
                pen.blob(x - 0.2 * r, y - 0.25 * r, r * 0.8, r * 0.7, colours["hair_light"], 0.35)
                pen.blob(x + 0.2 * r, y + 0.35 * r, r * 0.8, r * 0.6, colours["hair_dark"], 0.6)

    def back(self, pen, colours):
        """What is behind the face."""
        p, style = self.p, self.p["hair"]
        if style == "bald":
            return
        extra = p["hair_volume"]
        length = {"bob": 0.72, "long": 1.75, "curly": 0.2}.get(style)
        if length is not None:
            low = p["face_width"] + extra
            wave = 0.05 * p["curl"]
            side = [(low * (1.02 + wave), length * 0.35), (low * (1.04 - wave), length * 0.7),
                    (low * 0.92, length), (low * 0.45, length + 0.04)]
            points = self._crown(extra, low * 1.03, -0.05) + side
            points += [(-x, y) for x, y in reversed(side)]
            pen.path(points)
            pen.fill_with(pen.gradient((0, p["skull_top"]), (0, length), (
                (0, colours["hair"], 1), (0.5, colours["hair_dark"], 1),
                (1, colours["hair"], 1))))
            if style == "curly":
                self._curls(pen, colours, self._crown(extra, low, 0.1), 0.15)
            else:
                self._locks(pen, colours, low, length)
        elif style == "tied":
            pen.disc(0.05, p["skull_top"] - 0.08, 0.26, 0.20, colours["hair_dark"])
            pen.blob(0.0, p["skull_top"] - 0.14, 0.2, 0.12, colours["hair_light"], 0.4)

    def _locks(self, pen, colours, low, length):
        tones = ([], [])
        for a, b, c in self.strands[:36]:
            x = (-1 if a < 0.5 else 1) * low * (0.80 + 0.2 * b)
            tones[c > 0.5].append(((x * 0.97, -0.4), (x * (1.02 + 0.04 * c), length * 0.4),
                                   (x * (0.92 + 0.1 * c), length * 0.95)))
        pen.strokes(tones[0], colours["hair_dark"], 0.014, 0.35)
        pen.strokes(tones[1], colours["hair_light"], 0.014, 0.35)

    def _hairline(self):
        """The edge against the forehead, from the left to the right."""
        p, style = self.p, self.p["hair"]
        wide, line = p["face_width"], p["hairline"]
        if style == "fringe":
            line = -0.60
            inner = [(-0.84, line + 0.20), (-0.60, line), (-0.2, line + 0.03), (0.05, line - 0.02),
                     (0.3, line + 0.02), (0.6, line - 0.01), (0.84, line + 0.18)]
        elif style == "parted":
            inner = [(-0.88, line + 0.32), (-0.66, line + 0.03), (-0.42, line - 0.12),
                     (-0.2, line - 0.06), (0.2, line + 0.03), (0.6, line + 0.12),
                     (0.88, line + 0.33)]
        elif style in ("bob", "long"):
            inner = [(-0.93, line + 0.46), (-0.80, line + 0.20), (-0.45, line - 0.06),
                     (0.08, line - 0.20), (0.5, line - 0.05), (0.82, line + 0.22),
                     (0.93, line + 0.46)]
        else:
            inner = [(-0.90, line + 0.30), (-0.68, line + 0.07), (-0.3, line), (0, line + 0.01),
                     (0.3, line), (0.68, line + 0.07), (0.90, line + 0.30)]
        if style in ("bob", "long"):
            side, out, end = 0.12, wide + 0.6 * p["hair_volume"], 0.62 if style == "bob" else 1.15
            ends = [(out, end), (wide * 0.97, side)]
        else:
            end = {"tied": -0.36, "curly": -0.12}.get(style, -0.14)
            ends = [(wide * 1.005, end), (wide * 0.955, end - 0.1)]
        return [(-x, y) for x, y in ends] + [(x * wide, y) for x, y in inner] + ends[::-1]

    def front(self, pen, colours):
        """What lies over the forehead and the temples."""
        p, style = self.p, self.p["hair"]
        if style == "bald":
            pen.blob(-0.18, -0.92, 0.3, 0.16, (1, 1, 1), 0.22)
            return
        extra = p["hair_volume"] * (0.3 if style in ("tied", "short", "parted") else 1)
        line = self._hairline()
        crown = self._crown(extra, line[-1][0] + 0.02, line[-1][1])
        # A soft edge first, then the hair.
        pen.path(line, closed=False)
        pen.stroke(colours["hair_dark"], 0.09, 0.16, keep=True)
        pen.stroke(colours["hair_dark"], 0.045, 0.28)
        pen.band(crown, line)
        pen.c.save()
        pen.c.clip_preserve()
        pen.fill_with(pen.gradient((0, p["skull_top"]), (0, -0.35), (
            (0, colours["hair"], 1), (0.35, colours["hair_light"], 1), (0.6, colours["hair"], 1),
            (1, colours["hair_dark"], 1))))
        if style == "curly":
            self._curls(pen, colours, crown[1:-1], 0.17)
            high = p["skull_top"]
            for part in (0.66, 0.33, 0.0):  # rows from the crown down to the forehead
                row = [(x, y - 0.12 + (high + 0.24 * abs(x) - y) * part) for x, y in line[2:-2]]
                self._curls(pen, colours, row, 0.14)
        else:
            self._strands(pen, colours, 0.35 if style == "parted" else 0.0)
        pen.c.restore()

    def _strands(self, pen, colours, comb):
        p, tones = self.p, ([], [])
        for a, b, c in self.strands:
            x = (a - 0.5) * 2 * p["face_width"] * 1.15
            lean = 0.25 * (b - 0.5) + comb
            tones[c > 0.6].append(((x * 0.5 + 0.05 * c, p["skull_top"] - 0.02),
                                   (x * 0.9 + lean * 0.4, -0.98), (x * 1.05 + lean * 0.6, -0.3)))
        pen.strokes(tones[0], colours["hair_dark"], 0.016, 0.30)
        pen.strokes(tones[1], colours["hair_light"], 0.016, 0.30)

    # ---- Facial hair ----------------------------------------------------------------------------

    def beard(self, pen, colours, jaw_drop, contour):
        """Before the mouth is drawn. contour: the lower face's outline from ear to ear."""
        p, kind = self.p, self.p["beard"]
        if kind == "none":
            return
        mouth, half = p["mouth_y"], p["mouth_width"]
        ink = colours["hair_dark"]
        strength = 0.25 + 0.6 * p["beard_length"]
        if kind in ("stubble", "full"):
            upper = [(-0.97 * p["face_width"], 0.12), (-0.70, 0.40), (-half * 1.25, mouth - 0.12),
                     (-0.12, mouth - 0.19), (0.12, mouth - 0.19), (half * 1.25, mouth - 0.12),
                     (0.70, 0.40), (0.97 * p["face_width"], 0.12)]
            pen.band(upper, contour)
            pen.c.save()
            pen.c.clip_preserve()
            dark = 0.30 if kind == "stubble" else strength
            pen.fill_with(pen.gradient((0, 0.05), (0, mouth), (
                (0, ink, 0.1 * dark), (0.35, ink, 0.45 * dark), (0.8, ink, dark), (1, ink, dark))))
            self._bristle(pen, colours, 0.05, 1.15, 0.85, 0.5 if kind == "full" else 0.28)
            pen.c.restore()
        if kind in ("moustache", "goatee"):
            pen.band([(-half * 1.1, mouth + 0.02), (-half * 0.55, mouth - 0.15),
                      (0, mouth - 0.17), (half * 0.55, mouth - 0.15), (half * 1.1, mouth + 0.02)],
                     [(-half * 1.1, mouth + 0.03), (-half * 0.6, mouth - 0.05),
                      (0, mouth - 0.07), (half * 0.6, mouth - 0.05), (half * 1.1, mouth + 0.03)])
            pen.fill(ink, strength)
        if kind == "goatee":
            low = (mouth + p["chin_y"]) / 2 + 0.08 + jaw_drop
            pen.blob(0, low, 0.25, 0.25, ink, strength, hard=0.35)

    def _bristle(self, pen, colours, top, bottom, wide, alpha):
        pen.c.set_line_width(0.011 * pen.pose.scale)
        for tone in (0, 1):
            pen.c.new_path()
            for a, b, c in self.bristles[tone::2]:
                x, y = (a - 0.5) * 2 * wide, top + (bottom - top) * b
                px, py = pen.pose(x, y)
                lean = 0.03 * x * pen.pose.scale
                pen.c.move_to(px, py)
                pen.c.line_to(px + lean, py + (0.02 + 0.02 * c) * pen.pose.scale)
            colour = colours["hair_light"] if tone else colours["hair_dark"]
            pen.c.set_source_rgba(*colour, alpha)
            pen.c.stroke()


def glasses(pen, identity, light):
    """Frames before the eyes; light: -1 to 1, where the gleam is."""
    kind = identity["glasses"]
    if kind == "none":
        return
    x, y, frame = identity["eye_x"] * 1.04, identity["eye_y"] + 0.015, identity["frame_colour"]
    width = 0.012 if kind == "rimless" else 0.024
    rx, ry = (0.225, 0.19) if kind == "round" else (0.24, 0.165)
    power = {"round": 1.0, "square": 0.45, "rimless": 0.7}[kind]
    for side in (-1, 1):
        ring = []
        for i in range(16):
            a = i / 16 * 2 * math.pi
            ca, sa = math.cos(a), math.sin(a)
            ring.append((side * x + rx * math.copysign(abs(ca) ** power, ca),
                         y + ry * math.copysign(abs(sa) ** power, sa)))
        pen.path(ring, out=0.10)
        pen.c.set_source_rgba(1, 1, 1, 0.05)
        pen.c.fill_preserve()
        pen.stroke(frame, width, 0.85 if kind != "rimless" else 0.5)
        pen.blob(side * x + 0.1 * light, y - 0.07, 0.07, 0.035, (1, 1, 1), 0.28, out=0.10)
        pen.path(((side * (x + rx), y - 0.03), (side * identity["face_width"] * 1.02, y - 0.02)),
                 closed=False)
        pen.stroke(frame, width, 0.8)
    pen.path(((-(x - rx), y - 0.02), (0, y - 0.06), (x - rx, y - 0.02)), closed=False, out=0.06)
    pen.stroke(frame, width, 0.85)


def clothes(pen, identity):
    """Shoulders under the neck. pen: with the pose of the body."""
    cloth = identity["cloth_colour"]
    dark = [0.6 * v for v in cloth]
    kind = identity["clothes"]
    wide = 1.75 - 0.25 * identity["soft"]
    neck = 0.47
    pen.path(((-neck - 0.08, 1.36), (-0.95, 1.60), (-wide, 1.86), (-wide - 0.25, 2.6),
              (-wide - 0.3, 4.2), (wide + 0.3, 4.2), (wide + 0.25, 2.6), (wide, 1.86),
              (0.95, 1.60), (neck + 0.08, 1.36),
              (0, 1.58 if kind == "crew" else 1.86)))
    pen.fill_with(pen.gradient((-wide, 1.4), (wide, 2.4), (
        (0, dark, 1), (0.3, cloth, 1), (0.7, cloth, 1), (1, dark, 1))))
    if kind == "collar":
        for side in (-1, 1):
            pen.path(((side * 0.48, 1.30), (side * 0.60, 1.50), (side * 0.30, 1.92),
                      (side * 0.03, 1.84)))
            pen.fill([min(1, 1.15 * v + 0.05) for v in cloth])
    elif kind == "jacket":
        for side in (-1, 1):
            pen.path(((side * 0.56, 1.38), (side * 0.84, 1.62), (side * 0.62, 2.1),
                      (side * 0.10, 2.9), (side * 0.02, 2.3)))
            pen.fill(dark, 0.85)
    else:
        low = 1.60 if kind == "crew" else 1.88
        pen.path(((-neck - 0.07, 1.38), (-0.32, low - 0.07), (0, low), (0.32, low - 0.07),
                  (neck + 0.07, 1.38)), closed=False)
        pen.stroke(dark, 0.05, 0.45)
