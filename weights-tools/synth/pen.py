"""Drawing in face units on a turned head, with pycairo."""
import math

import cairo


class Pose:
    """Where the head is. x, y: pixels of the face's origin; scale: pixels of a face unit; yaw,
    pitch, roll: radians (positive: to the right of the picture, down, clockwise)."""

    # Depth of the head's surface at the origin: the head turns about a point behind it.
    PIVOT = 0.62

    def __init__(self, x, y, scale, yaw=0.0, pitch=0.0, roll=0.0):
        self.x, self.y, self.scale = x, y, scale
        self.sin_yaw, self.cos_yaw = math.sin(yaw), math.cos(yaw)
        self.sin_pitch, self.cos_pitch = math.sin(pitch), math.cos(pitch)
        self.sin_roll, self.cos_roll = math.sin(roll) * scale, math.cos(roll) * scale

    def __call__(self, x, y, out=0.0):
        """Pixels of a point of the head's surface; out: how far before the surface it is."""
        bulge = 1.0 - (x / 1.0) ** 2 - (y / 1.75) ** 2
        depth = 0.8 * math.sqrt(bulge if bulge > 0.02 else 0.02) + out - self.PIVOT
        nose = (x / 0.15) ** 2 + ((y - 0.2) / 0.24) ** 2
        if nose < 9:
            depth += 0.2 * math.exp(-nose)
        turned = x * self.cos_yaw + depth * self.sin_yaw
        back = depth * self.cos_yaw - x * self.sin_yaw
        raised = y * self.cos_pitch + back * self.sin_pitch
        return (self.x + turned * self.cos_roll - raised * self.sin_roll,
                self.y + turned * self.sin_roll + raised * self.cos_roll)


def spline(points, closed=False):
    """Bezier pieces (c1, c2, end) of a smooth curve through points (Catmull-Rom)."""
    n = len(points)
    pieces = []
    for i in range(n if closed else n - 1):
        a = points[i - 1] if closed or i else points[0]
        b, c = points[i], points[(i + 1) % n]
        d = points[(i + 2) % n] if closed or i + 2 < n else points[n - 1]
        pieces.append(((b[0] + (c[0] - a[0]) / 6, b[1] + (c[1] - a[1]) / 6),
                       (c[0] - (d[0] - b[0]) / 6, c[1] - (d[1] - b[1]) / 6), c))
    return pieces


class Pen:
    """Draws on a cairo context what is given in face units. Colours are (r, g, b), 0 to 1."""

    def __init__(self, context, pose):
        self.c, self.pose = context, pose

    def path(self, points, closed=True, out=0.0):
        """A smooth curve through points (x, y), as the context's path."""
        at = [self.pose(x, y, out) for x, y in points]
        self.c.new_path()
        self._add(at, closed)

    def _add(self, at, closed):
        self.c.move_to(*at[0])
        for c1, c2, end in spline(at, closed):
            self.c.curve_to(*c1, *c2, *end)
        if closed:
            self.c.close_path()

    def band(self, upper, lower):
        """The area between two open curves, as the path."""
        self.c.new_path()
        first = [self.pose(x, y) for x, y in upper]
        second = [self.pose(x, y) for x, y in reversed(lower)]
        self._add(first, False)
        self.c.line_to(*second[0])
        for c1, c2, end in spline(second):
            self.c.curve_to(*c1, *c2, *end)
        self.c.close_path()

    def fill(self, colour, alpha=1.0):
        self.c.set_source_rgba(*colour, alpha)
        self.c.fill()

    def stroke(self, colour, width, alpha=1.0, keep=False):
        self.c.set_source_rgba(*colour, alpha)
        self.c.set_line_width(width * self.pose.scale)
        if keep:
            self.c.stroke_preserve()
        else:
            self.c.stroke()

    def strokes(self, lines, colour, width, alpha):
        """Many open curves at once."""
        self.c.new_path()
        for points in lines:
            self._add([self.pose(x, y) for x, y in points], False)
        self.stroke(colour, width, alpha)

    def gradient(self, start, end, stops):
        """A linear gradient between two points; stops: (offset, colour, alpha)."""
        pattern = cairo.LinearGradient(*self.pose(*start), *self.pose(*end))
        for offset, colour, alpha in stops:
            pattern.add_color_stop_rgba(offset, *colour, alpha)
        return pattern

    def fill_with(self, pattern):
        self.c.set_source(pattern)
        self.c.fill()

    def blob(self, x, y, rx, ry, colour, alpha, out=0.0, hard=0.0, angle=0.0):
        """A soft oval that fades to nothing at its rim; hard: part of it that does not fade."""
        px, py = self.pose(x, y, out)
        ax, ay = self.pose(x + 0.05, y, out)
        bx, by = self.pose(x, y + 0.05, out)
        self.c.save()
        self.c.transform(cairo.Matrix((ax - px) * 20, (ay - py) * 20, (bx - px) * 20,
                                      (by - py) * 20, px, py))
        if angle:
            self.c.rotate(angle)
        self.c.scale(rx, ry)
        fade = cairo.RadialGradient(0, 0, 0, 0, 0, 1)
        for offset, part in ((0, 1.0), (0.25, 0.86), (0.5, 0.5), (0.75, 0.14), (1, 0.0)):
            fade.add_color_stop_rgba(hard + (1 - hard) * offset, *colour, alpha * part)
        self.c.set_source(fade)
        self.c.rectangle(-1, -1, 2, 2)
        self.c.fill()
        self.c.restore()

    def rim(self, x, y, rx, ry, colour, alpha):
        """Darkens towards the rim of an oval and beyond it; clip before."""
        px, py = self.pose(x, y)
        self.c.save()
        self.c.translate(px, py)
        self.c.scale(rx * self.pose.scale, ry * self.pose.scale)
        fade = cairo.RadialGradient(0, 0, 0, 0, 0, 1)
        for offset, part in ((0.55, 0.0), (0.7, 0.12), (0.82, 0.36), (0.92, 0.7), (1, 1.0)):
            fade.add_color_stop_rgba(offset, *colour, alpha * part)
        self.c.set_source(fade)
        self.c.paint()
        self.c.restore()

    def disc(self, x, y, rx, ry, colour, alpha=1.0, out=0.0):
        """An oval with a sharp rim."""
        px, py = self.pose(x, y, out)
        ax, ay = self.pose(x + 0.05, y, out)
        bx, by = self.pose(x, y + 0.05, out)
        self.c.save()
        self.c.transform(cairo.Matrix((ax - px) * 20, (ay - py) * 20, (bx - px) * 20,
                                      (by - py) * 20, px, py))
        self.c.scale(rx, ry)
        self.c.new_path()
        self.c.arc(0, 0, 1, 0, 2 * math.pi)
        self.c.restore()
        self.fill(colour, alpha)
