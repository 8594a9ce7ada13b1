"""What a head does while it talks: slow turns, blinks, glances, brows."""
import math

import numpy as np

# Largest angles in radians and shifts in face units, for an amount of motion of 1.
YAW, PITCH, ROLL, SHIFT = 0.13, 0.07, 0.06, 0.10
NOD = 0.025        # radians, with loud syllables
BLINK = 0.18       # seconds from open to open
BLINK_GAP = (1.2, 4.5)


class Motion:
    """Motion over `seconds`, as functions of time. amount: 1 sitting still, 3 lively.
    rng: numpy Generator."""

    def __init__(self, rng, seconds, amount=1.0):
        self.base = rng.uniform(-1, 1, 3) * (0.5 * YAW, 0.4 * PITCH, 0.5 * ROLL)
        self.waves = [(rng.uniform(0.4, 1.0, 2), rng.uniform(0.12, 0.55, 2) * (1, 1.7),
                       rng.uniform(0, 2 * math.pi, 2)) for _ in range(5)]
        self.sizes = amount * np.array((0.5 * YAW, 0.5 * PITCH, 0.5 * ROLL, SHIFT / 2, SHIFT / 2))
        self.blinks = []
        at = rng.uniform(0.3, BLINK_GAP[1])
        while at < seconds:
            self.blinks.append(float(at))
            at += rng.uniform(*BLINK_GAP)
        self.glances = [(float(t), float(x), float(y)) for t, x, y in zip(
            np.cumsum(rng.uniform(0.6, 2.2, int(seconds) + 3)),
            rng.normal(0, 0.35, int(seconds) + 3), rng.normal(0, 0.25, int(seconds) + 3))]
        self.nod = float(rng.uniform(0, NOD))
        self.brow = float(rng.uniform(0, 0.6))

    def _wave(self, i, t):
        sizes, rates, phases = self.waves[i]
        return sum(float(s) * math.sin(2 * math.pi * float(r) * t + float(p))
                   for s, r, p in zip(sizes, rates, phases)) * float(self.sizes[i])

    def angles(self, t, jaw=0.0):
        """(yaw, pitch, roll) in radians at time t; jaw: 0 to 1, nods a little."""
        yaw, pitch, roll = (float(self.base[i]) + self._wave(i, t) for i in range(3))
        return yaw, pitch + self.nod * jaw, roll

    def shift(self, t):
        """(x, y) in face units at time t."""
        return self._wave(3, t), self._wave(4, t)

    def lids(self, t):
        """How open the eyes are, 0 to 1."""
        for at in self.blinks:
            u = (t - at) / BLINK
            if 0 <= u <= 1:
                return abs(2 * u - 1) ** 1.5
        return 1.0

    def gaze(self, t):
        """(x, y), about -1 to 1."""
        x = y = 0.0
        for at, gx, gy in self.glances:
            u = min(1.0, max(0.0, (t - at) / 0.05))
            x, y = x + (gx - x) * u, y + (gy - y) * u
        return x, y

    def brows(self, t):
        """How much the brows are raised, 0 to 1."""
        return self.brow * (0.5 + 0.5 * math.sin(2 * math.pi * 0.4 * t + self.nod * 100)) ** 2
