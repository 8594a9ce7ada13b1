"""The mouth: its outline from the parameters of visemes.py, and how it is drawn."""
from synth.visemes import JAW, LOWER, ROUND, SPREAD, TEETH, TONGUE, UPPER, lower_gap, upper_gap

# Steps from corner to corner of a lip's curve.
_ACROSS = (-1.0, -0.82, -0.6, -0.36, -0.16, 0.0, 0.16, 0.36, 0.6, 0.82, 1.0)


def _clip(v, lo, hi):
    return lo if v < lo else hi if v > hi else v


class Lips:
    """The lips' curves in face units. outer_upper, inner_upper, inner_lower, outer_lower: lists of
    (x, y) from the left to the right of the picture; half: half the width of the mouth."""

    def __init__(self, identity, mouth):
        jaw, spread, pushed = mouth[JAW], mouth[SPREAD], _clip(mouth[ROUND], 0, 1)
        up, down = upper_gap(mouth), lower_gap(mouth)
        if up + down < 0:  # closed: pressed lips meet between the two
            up = _clip((up - down) / 2, -0.012, 0.012)
            down = -up
        self.up, self.down = up, down
        self.half = identity["mouth_width"] * (1 + 0.15 * spread - 0.36 * pushed - 0.06 * jaw)
        middle = identity["mouth_y"]
        corner = middle + 0.26 * (down - up) / 2 - identity["mouth_curve"] - 0.03 * spread
        inner = self.half * (0.90 - 0.16 * pushed)
        press_up = 1 + 0.45 * _clip(mouth[UPPER], -1, 0) + 0.2 * pushed
        press_down = 1 + 0.40 * _clip(mouth[LOWER], -1, 0) + 0.15 * pushed
        thick_up = identity["upper_lip"] * press_up * (1 - 0.12 * spread)
        thick_down = identity["lower_lip"] * press_down * (1 - 0.12 * spread)
        bow = identity["cupid"] * (1 - 0.5 * pushed)
        power = 2.6 + 0.8 * pushed
        self.outer_upper, self.inner_upper, self.inner_lower, self.outer_lower = [], [], [], []
        for u in _ACROSS:
            arch = 1 - abs(u) ** power           # opening along the mouth
            full = 1 - abs(u) ** 1.9             # thickness along the lips
            edge = corner + (middle - corner) * full
            line = corner + (middle - corner) * arch
            dip = bow * max(0.0, 1 - abs(abs(u) - 0.22) / 0.22) if abs(u) < 0.44 else 0.0
            self.outer_upper.append((u * self.half, edge - up * arch - thick_up * full ** 0.8
                                     - dip + 0.4 * bow * (abs(u) < 0.08)))
            self.inner_upper.append((u * inner, line - up * arch))
            self.inner_lower.append((u * inner, line + down * arch))
            self.outer_lower.append((u * self.half * 0.985,
                                     edge + down * arch + thick_down * full ** 0.75))
        self.middle, self.corner = middle, corner
        self.thick_up, self.thick_down = thick_up, thick_down

    def landmarks(self):
        """Points 48 to 67 of the 68-point scheme, (x, y) in face units."""
        outer = [self.outer_upper[i] for i in (0, 2, 4, 5, 6, 8, 10)]
        outer += [self.outer_lower[i] for i in (8, 6, 5, 4, 2)]
        upper = [self.inner_upper[i] for i in (0, 3, 5, 7, 10)]
        return outer + upper + [self.inner_lower[i] for i in (7, 5, 3)]


def draw(pen, identity, colours, mouth):
    """Lips, teeth and tongue onto the face. Returns the Lips."""
    lips = Lips(identity, mouth)
    c = pen.c
    half = lips.half
    # Soft shadows around: under the lower lip and in the corners.
    low = lips.outer_lower[5][1]
    pen.blob(0, low + 0.05, half * 0.75, 0.06, colours["shade"], 0.55)
    for x, y in (lips.outer_upper[0], lips.outer_upper[-1]):
        pen.blob(x * 1.03, y, 0.05, 0.045, colours["deep"], 0.5)
    if lips.up + lips.down > 0.003:
        c.save()
        pen.band(lips.inner_upper, lips.inner_lower)
        c.clip()
        _inside(pen, identity, lips, mouth)
        c.restore()
    _lip(pen, lips.outer_upper, lips.inner_upper, colours, True)
    _lip(pen, lips.inner_lower, lips.outer_lower, colours, False)
    # Where lips touch, and light on the lower lip.
    shut = lips.up + lips.down < 0.02
    pen.path(lips.inner_upper, closed=False)
    pen.stroke(colours["lip_dark"], 0.016 if shut else 0.008, 0.85 if shut else 0.5)
    shine = lips.inner_lower[5][1] + 0.42 * lips.thick_down
    pen.blob(-0.06 * half, shine, half * 0.42, lips.thick_down * 0.34, colours["lip_light"], 0.6)
    pen.blob(0, lips.outer_upper[5][1] - 0.018, half * 0.5, 0.022, colours["light"], 0.5)
    return lips


def _lip(pen, upper, lower, colours, is_upper):
    top, bottom = upper[5][1], lower[5][1]
    if is_upper:
        stops = ((0, colours["lip"], 1), (0.45, colours["lip"], 1), (1, colours["lip_dark"], 1))
    else:
        stops = ((0, colours["lip_dark"], 1), (0.25, colours["lip"], 1),
                 (0.75, colours["lip"], 1), (1, colours["lip"], 0.8))
    pen.band(upper, lower)
    pen.fill_with(pen.gradient((0, top), (0, max(bottom, top + 0.01)), stops))


def _inside(pen, identity, lips, mouth):
    """Cavity, teeth and tongue; the path of the opening is clipped."""
    jaw, tongue, seen = mouth[JAW], _clip(mouth[TONGUE], 0, 1), _clip(mouth[TEETH], 0, 1)
    pushed = _clip(mouth[ROUND], 0, 1)
    middle, half = lips.middle, lips.half
    pen.c.set_source_rgb(0.16, 0.045, 0.05)
    pen.c.paint()
    white = identity["teeth_white"]
    bright = white * (0.70 + 0.30 * seen) * (1 - 0.25 * pushed)
    tooth = (bright, bright * 0.96, bright * 0.88)
    # Lower teeth ride on the jaw, behind the lower lip.
    edge = middle + 0.25 * jaw + 0.035
    pen.band([(u * half, edge + 0.02 * u * u) for u in (-0.62, 0, 0.62)],
             [(u * half, edge + 0.12) for u in (-0.62, 0, 0.62)])
    pen.fill([0.82 * v for v in tooth], 0.35 + 0.6 * seen)
    # The tongue: low it fills the floor, raised its tip is at or before the upper teeth.
    floor = middle + 0.25 * jaw + 0.075
    top = floor - 0.03 - 0.11 * jaw ** 0.5 - 0.10 * tongue * (0.4 + jaw)
    pink = (0.74, 0.38, 0.38)
    if tongue < 0.7:
        _tongue(pen, half, top, floor, pink)
    # Upper teeth are fixed to the head; they hang a little below the closed lips.
    tips = middle + 0.008 + 0.014 * seen
    gum = middle - 0.09
    pen.band([(u * half, gum) for u in (-0.9, 0, 0.9)],
             [(u * half, tips - 0.022 * u * u) for u in (-0.86, -0.45, 0, 0.45, 0.86)])
    pen.fill_with(pen.gradient((-half, middle), (half, middle), (
        (0, tooth, 0.2), (0.2, tooth, 0.9), (0.5, tooth, 1), (0.8, tooth, 0.9), (1, tooth, 0.2))))
    for i in range(-4, 5):
        x = i * 0.052 * (1 - 0.03 * abs(i))
        pen.path(((x, gum), (x, tips - 0.004)), closed=False)
        pen.stroke((0.35, 0.25, 0.22), 0.005, 0.28)
    if tongue >= 0.7:
        reach = (tongue - 0.7) / 0.3
        _tongue(pen, half * 0.72, tips - 0.03 * reach, floor + 0.03, pink)
    # The upper lip shades what is behind it, the corners are dark.
    dark = (0.10, 0.03, 0.03)
    roof = lips.inner_upper[5][1]
    pen.c.set_source(pen.gradient((0, roof), (0, roof + 0.05), ((0, dark, 0.32), (1, dark, 0))))
    pen.c.paint()
    for side in (-1, 1):
        pen.blob(side * half * 0.9, middle + lips.down * 0.3, half * 0.42, 0.2, dark, 0.8)


def _tongue(pen, half, top, floor, pink):
    pen.band([(u * half * 0.62, top + 0.05 * u * u) for u in (-1, -0.5, 0, 0.5, 1)],
             [(u * half * 0.62, floor + 0.12) for u in (-1, 0, 1)])
    pen.fill_with(pen.gradient((0, top), (0, floor + 0.04), (
        (0, pink, 1), (1, [0.6 * v for v in pink], 1))))
    pen.path(((0, top + 0.015), (0, floor)), closed=False)
    pen.stroke([0.6 * v for v in pink], 0.010, 0.4)
