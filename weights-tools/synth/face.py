"""A head drawn with pycairo, and its 68 landmarks."""
import math

import numpy as np

from synth import mouth as mouth_drawing
from synth.hair import Hair, clothes, glasses
from synth.identity import colours
from synth.pen import Pen, Pose
from synth.visemes import JAW, SPREAD

JAW_DROP = 0.15  # how far the chin goes down with the jaw

LANDMARKS = 68
MOUTH = slice(48, 68)


class Light:
    """side: -1 from the left .. 1 from the right; strength: 0 flat .. 1 hard; warmth: -1 blue ..
    1 yellow; level: of brightness."""

    def __init__(self, side=-0.4, strength=0.4, warmth=0.0, level=1.0):
        self.side, self.strength, self.warmth, self.level = side, strength, warmth, level


class Face:
    """One identity, drawn as often as wanted."""

    def __init__(self, identity):
        self.p = identity
        self.colours = colours(identity)
        self.hair = Hair(identity)
        rng = np.random.default_rng(identity["texture_seed"] + 1)
        self.spots = np.column_stack((rng.normal(0, 0.32, 46), rng.normal(0.12, 0.17, 46),
                                      rng.uniform(0.006, 0.016, 46))).tolist()

    def draw(self, context, pose, mouth, lids=1.0, gaze=(0.0, 0.0), light=Light(), brows=0.0):
        """Draws head and shoulders. pose: Pose of the head; mouth: 7 parameters of visemes.py;
        lids: 0 closed .. 1 open; gaze: -1 .. 1 in x and y; brows: 0 .. 1 raised.
        Returns float64 [68 2], pixels."""
        pen = Pen(context, pose)
        p, col = self.p, self.colours
        drop = JAW_DROP * max(0.0, mouth[JAW])
        outline = self._outline(drop)
        body = Pen(context, Pose(pose.x - 0.25 * pose.scale * pose.sin_yaw, pose.y, pose.scale))
        self.hair.back(pen, col)
        self._neck(body, light)
        clothes(body, p)
        self._ears(pen)
        self._skin(pen, outline, drop, light, mouth)
        self.hair.beard(pen, col, drop, outline[5:-5][::-1])
        self._eyes(pen, lids, gaze)
        self._brows(pen, brows)
        self._nose(pen, light)
        lips = mouth_drawing.draw(pen, p, col, mouth)
        self._shade(pen, outline, light)
        self.hair.front(pen, col)
        glasses(pen, p, light.side)
        return self._landmarks(pose, lips, drop, lids, brows)

    # ---- Parts ----------------------------------------------------------------------------------

    def _outline(self, drop):
        """The edge of the face, clockwise from the right of the forehead's middle."""
        p = self.p
        wide, jaw, chin, low = p["face_width"], p["jaw_width"], p["chin_width"], p["chin_y"] + drop
        half = [(0.30 * wide, -1.26), (0.66 * wide, -1.12), (0.90 * wide, -0.80),
                (0.985 * wide, -0.38), (wide, 0.0), (0.965 * wide, 0.28),
                (jaw + 0.04, 0.60 + 0.3 * drop), ((jaw + chin) / 2 + 0.03, low - 0.22),
                (chin, low - 0.055)]
        return half + [(0, low)] + [(-x, y) for x, y in reversed(half)]

    def _neck(self, pen, light):
        col = self.colours
        wide = 0.50 - 0.08 * self.p["soft"]
        side = [(wide, 0.55), (wide * 0.97, 1.15), (wide + 0.10, 1.45), (0.7, 1.62)]
        pen.path([(-x, y) for x, y in side] + [(0, 1.95)] + side[::-1])
        pen.c.save()
        pen.c.clip_preserve()
        pen.fill_with(pen.gradient((-wide, 1.2), (wide, 1.2), (
            (0, col["shade"], 1), (0.3, col["skin"], 1), (0.7, col["skin"], 1),
            (1, col["shade"], 1))))
        pen.blob(0, 1.08, 0.80, 0.42, col["deep"], 0.8)
        pen.c.restore()

    def _ears(self, pen):
        p, col = self.p, self.colours
        if p["hair"] in ("bob", "long"):
            return
        for side in (-1, 1):
            x, size = side * (p["face_width"] + 0.015), p["ear_size"]
            pen.disc(x, -0.03, 0.085, size, col["skin"], out=-0.12)
            pen.blob(x, -0.02, 0.06, size * 0.7, col["shade"], 0.8, out=-0.12)

    def _skin(self, pen, outline, drop, light, mouth):
        p, col = self.p, self.colours
        pen.path(outline)
        pen.c.save()
        pen.c.clip_preserve()
        pen.fill_with(pen.gradient((0, -1.1), (0, p["chin_y"]), (
            (0, col["skin"], 1), (0.45, col["light"], 1), (0.85, col["skin"], 1),
            (1, [(a + b) / 2 for a, b in zip(col["skin"], col["shade"])], 1))))
        # Forehead and cheekbones catch light; temples, hollows and chin do not.
        pen.blob(0.1 * light.side, -0.66, 0.5, 0.3, col["light"], 0.8)
        low = p["chin_y"] + drop
        for side in (-1, 1):
            pen.blob(side * 0.80, -0.45, 0.26, 0.5, col["shade"], 0.45)
            pen.blob(side * 0.74, 0.48, 0.25, 0.46, col["shade"], 0.50)
            pen.blob(side * 0.42, 0.12, 0.27, 0.2, col["light"], 0.85)
            pen.blob(side * 0.46, 0.24, 0.26, 0.22, col["blush"], p["blush"])
            # Eye sockets: darker than the cheeks on every skin.
            pen.blob(side * p["eye_x"], p["eye_y"] - 0.02, 0.31, 0.21, col["shade"],
                     0.62 + 0.2 * p["skin_depth"])
            pen.blob(side * (p["eye_x"] - 0.14), p["eye_y"] - 0.04, 0.14, 0.16, col["deep"], 0.30)
            # Folds from the wings of the nose past the mouth, deeper when the corners are drawn.
            fold = 0.05 + 0.22 * p["age"] + 0.15 * max(0.0, mouth[SPREAD])
            pen.path(((side * (p["nose_width"] + 0.04), p["nose_y"] - 0.04),
                      (side * (p["mouth_width"] + 0.09), p["mouth_y"] - 0.13),
                      (side * (p["mouth_width"] + 0.13), p["mouth_y"] + 0.05 + 0.4 * drop)),
                     closed=False)
            pen.stroke(col["shade"], 0.09, 0.35 * fold, keep=True)
            pen.stroke(col["shade"], 0.03, 0.7 * fold)
        pen.blob(0, low - 0.12, 0.20, 0.10, col["light"], 0.5)
        pen.blob(0, low + 0.04, 0.55, 0.12, col["deep"], 0.5)
        pen.blob(0, p["mouth_y"] - 0.15, 0.05, 0.09, col["shade"], 0.35)
        if p["freckles"] > 0.8 and p["skin_depth"] < 0.5:
            for x, y, r in self.spots:
                pen.blob(x, y, r * 1.6, r * 1.6, col["deep"], 0.45)
        pen.c.restore()

    def _shade(self, pen, outline, light):
        """Light from one side and the roundness of the head, over everything on the face."""
        c = pen.c
        c.save()
        pen.path(outline)
        c.clip()
        low = self.p["chin_y"]
        pen.rim(0, (low - 1.15) / 2, self.p["face_width"] * 1.12, (low + 1.15) / 2 * 1.06,
                self.colours["deep"], 0.34)
        side = 1 if light.side >= 0 else -1
        amount = abs(light.side) * light.strength
        c.set_source(pen.gradient((side * 0.9, -0.2), (-side * 0.9, 0.2), (
            (0, (1, 1, 1), 0.24 * amount), (0.45, (1, 1, 1), 0.0), (0.5, (0, 0, 0), 0.0),
            (1, (0.05, 0.02, 0.05), 0.62 * amount))))
        c.paint()
        c.restore()

    def _eye_shape(self, side, lids):
        """Upper and lower lid of one eye, from the inner to the outer corner."""
        p = self.p
        x, y, half, tall = p["eye_x"], p["eye_y"], p["eye_width"], p["eye_open"]
        inner, outer = (x - half, y + 0.012), (x + half, y - p["eye_slant"])
        closed = y + 0.035
        upper, lower = [inner], [inner]
        for u, rise in ((0.28, 0.86), (0.55, 1.0), (0.80, 0.70)):
            ux = inner[0] + (outer[0] - inner[0]) * u
            uy = inner[1] + (outer[1] - inner[1]) * u
            top = uy - tall * rise
            upper.append((ux, top + (closed - top) * (1 - lids)))
            lower.append((ux, uy + 0.62 * tall * rise + 0.008 * (1 - lids)))
        upper.append(outer)
        lower.append(outer)
        return [(side * a, b) for a, b in upper], [(side * a, b) for a, b in lower]

    def _eyes(self, pen, lids, gaze):
        p, col = self.p, self.colours
        for side in (-1, 1):
            upper, lower = self._eye_shape(side, lids)
            x, y = side * p["eye_x"], p["eye_y"]
            # Lid and its crease.
            crease = [(a, b - 0.035 - 0.02 * (1 - abs(i - 2) / 2)) for i, (a, b) in
                      enumerate(self._eye_shape(side, 1.0)[0])]
            if lids < 0.95:
                pen.band(crease, upper)
                pen.fill(col["shade"], 0.55)
            pen.path(crease, closed=False)
            pen.stroke(col["deep"], 0.014, 0.55)
            if lids > 0.08:
                self._ball(pen, side, upper, lower, x, y, gaze)
            pen.path(upper, closed=False)
            pen.stroke((0.10, 0.06, 0.05), 0.018 + 0.016 * p["lashes"], 0.92)
            pen.path(lower, closed=False)
            pen.stroke(col["deep"], 0.012, 0.6)
            if p["lashes"] > 0.6:
                a, b = upper[4]
                pen.path((upper[3], (a, b), (a + side * 0.05, b - 0.03)), closed=False)
                pen.stroke((0.10, 0.06, 0.05), 0.02, 0.8)
            bag = [(a, b + 0.05 + 0.02 * (1 - abs(i - 2) / 2)) for i, (a, b) in enumerate(lower)]
            pen.path(bag[:4], closed=False)
            pen.stroke(col["shade"], 0.018, 0.25 + 0.3 * p["age"])

    def _ball(self, pen, side, upper, lower, x, y, gaze):
        p, c = self.p, pen.c
        c.save()
        pen.band(upper, lower)
        c.clip_preserve()
        pen.fill((0.93, 0.91, 0.89))
        for corner in (upper[0], upper[4]):
            pen.blob(corner[0], corner[1], 0.09, 0.10, (0.55, 0.38, 0.36), 0.55)
        gx, gy = x + 0.055 * gaze[0], y - 0.008 + 0.03 * gaze[1]
        iris = p["iris_colour"]
        pen.disc(gx, gy, p["iris"], p["iris"], [0.45 * v for v in iris])
        pen.disc(gx, gy, p["iris"] * 0.86, p["iris"] * 0.86, iris)
        pen.blob(gx, gy + 0.02, p["iris"] * 0.8, p["iris"] * 0.7,
                 [min(1, 1.5 * v) for v in iris], 0.6)
        pen.disc(gx, gy, p["iris"] * 0.46, p["iris"] * 0.46, (0.03, 0.03, 0.03))
        c.set_source(pen.gradient((x, upper[2][1]), (x, upper[2][1] + 0.09), (
            (0, (0.1, 0.05, 0.05), 0.6), (1, (0.1, 0.05, 0.05), 0.0))))
        c.paint()
        pen.disc(gx - 0.024, gy - 0.026, 0.017, 0.017, (1, 1, 1), 0.9)
        c.restore()

    def _brow_line(self, side, raised):
        p = self.p
        base = p["eye_y"] - p["brow_gap"] - 0.05 * raised
        return [(side * x, base - p["brow_arch"] * rise - slant * p["eye_slant"])
                for x, rise, slant in ((0.14, 0.30, 0.0), (0.25, 0.70, 0.2), (0.38, 1.0, 0.5),
                                       (0.50, 0.85, 0.8), (0.585, 0.20, 1.0))]

    def _brows(self, pen, raised):
        p = self.p
        ink = self.colours["hair_dark"] if p["hair_colour"][0] < 0.7 else self.colours["shade"]
        thick = p["brow_thickness"]
        for side in (-1, 1):
            line = self._brow_line(side, raised)
            shape = [thick * v for v in (0.42, 0.62, 0.55, 0.36, 0.06)]
            pen.band([(x, y - t) for (x, y), t in zip(line, shape)],
                     [(x, y + t) for (x, y), t in zip(line, shape)])
            pen.fill(ink, 0.72)
            hairs = []
            for i in range(10):
                k, u = divmod(i / 3, 1)
                (ax, ay), (bx, by) = line[int(k)], line[int(k) + 1]
                x, y = ax + (bx - ax) * u, ay + (by - ay) * u
                hairs.append(((x, y + 0.5 * thick), (x + side * 0.035, y - 0.4 * thick)))
            pen.strokes(hairs, ink, 0.010, 0.5)

    def _nose(self, pen, light):
        p, col = self.p, self.colours
        half, base, bridge = p["nose_width"], p["nose_y"], p["nose_bridge"]
        far = -1 if light.side >= 0 else 1
        for side in (-1, 1):
            strength = 0.40 if side == far else 0.18
            pen.blob(side * (bridge + 0.06), 0.0, 0.075, 0.28, col["shade"], strength)
            pen.blob(side * half * 0.95, base - 0.03, 0.075, 0.10, col["shade"], strength + 0.15)
        pen.blob(0, -0.06, bridge * 0.95, 0.34, col["light"], 0.9)
        pen.blob(-0.02 * far, base - 0.10, 0.095, 0.085, col["light"], 0.9)
        pen.blob(-0.02 * far, base - 0.12, 0.035, 0.03, (1, 1, 1), 0.30)
        pen.blob(0, base + 0.05, half * 1.1, 0.06, col["shade"], 0.75)
        for side in (-1, 1):
            pen.path(((side * half * 0.82, base - 0.12), (side * half * 1.02, base - 0.05),
                      (side * half * 0.92, base + 0.01), (side * half * 0.66, base + 0.012)),
                     closed=False)
            pen.stroke(col["deep"], 0.016, 0.45)
            pen.blob(side * half * 0.46, base + 0.008, half * 0.34, 0.028, col["deep"], 0.95,
                     hard=0.3)
        pen.path(((-half * 0.2, base + 0.02), (0, base + 0.035), (half * 0.2, base + 0.02)),
                 closed=False)
        pen.stroke(col["deep"], 0.016, 0.5)

    # ---- Landmarks ------------------------------------------------------------------------------

    def _landmarks(self, pose, lips, drop, lids, brows):
        p = self.p
        points = _jaw_line(self._outline(drop), p["eye_y"])
        points += self._brow_line(-1, brows)[::-1] + self._brow_line(1, brows)
        top, base = p["eye_y"] + 0.02, p["nose_y"]
        points += [(0, top + (base - 0.09 - top) * i / 3) for i in range(4)]
        points += [(p["nose_width"] * u, base + 0.03 * (1 - abs(u)))
                   for u in (-0.75, -0.38, 0, 0.38, 0.75)]
        for side in (-1, 1):
            upper, lower = self._eye_shape(side, lids)
            ring = [upper[0], upper[1], upper[3], upper[4], lower[3], lower[1]]
            points += [ring[i] for i in ((3, 2, 1, 0, 5, 4) if side < 0 else range(6))]
        points += lips.landmarks()
        return np.array([pose(x, y) for x, y in points])


def _jaw_line(outline, eye_y):
    """17 points evenly along the outline from the height of the left eye, over the chin."""
    half = [q for q in outline[3:10]]
    half[0] = (half[0][0], eye_y)
    steps = [math.dist(a, b) for a, b in zip(half, half[1:])]
    total, out = sum(steps), []
    for k in range(9):
        left = total * k / 8
        i = 0
        while i < len(steps) - 1 and left > steps[i]:
            left -= steps[i]
            i += 1
        (ax, ay), (bx, by) = half[i], half[i + 1]
        u = min(1.0, left / steps[i])
        out.append((ax + (bx - ax) * u, ay + (by - ay) * u))
    return [(-x, y) for x, y in out] + out[-2::-1]
