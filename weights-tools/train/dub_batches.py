"""Batches for Wav2Lip and its expert: what is drawn depends on the seed and the step alone."""
import numpy as np
import torch

from train.dub_clips import MARGIN, SIDE, STORED
from train.lip_batches import held_out

WINDOW = 5            # frames that the expert looks at
WINDOWS, APART = 12, 3  # of a clip in a batch of the expert, and frames from one to the next
AROUND = 3            # frames that windows may begin before or after the speech
SPEECH = 0.75         # of the generator's frames come from the speech
HIDDEN = 0.5          # of the references have no mouth
MOUTH = np.s_[..., 50:90, 20:76]
PER_DECIBEL = 0.08    # of mel


def resampling(centre, width, flip=False):
    """A matrix [SIDE STORED] that takes SIDE pixels from a row, around `centre`, over `width` of
    its pixels."""
    at = centre - width / 2 + (np.arange(SIDE) + 0.5) * (width / SIDE) - 0.5
    at = np.clip(at, 0, STORED - 1.001)
    low = at.astype(int)
    matrix = np.zeros((SIDE, STORED), np.float32)
    matrix[np.arange(SIDE), low] = 1 - (at - low)
    matrix[np.arange(SIDE), low + 1] = at - low
    return torch.from_numpy(matrix[::-1].copy() if flip else matrix)


class View:
    """How the pictures of a clip are cut and lit: as they are, or drawn from an rng."""

    def __init__(self, rng=None):
        x = y = STORED / 2
        width = height = STORED / MARGIN
        self.flip, self.gains, self.shift = False, None, 0.0
        if rng is not None:
            x, y = x + rng.uniform(-0.04, 0.04) * width, y + rng.uniform(-0.04, 0.04) * width
            size = np.exp(rng.uniform(-0.06, 0.06))
            width, height = (v * size * np.exp(rng.uniform(-0.04, 0.04)) for v in (width, height))
            self.flip = rng.random() < 0.5
            self.gains = np.exp(rng.uniform(-0.2, 0.15) + rng.uniform(-0.08, 0.08, 3))
            self.shift = rng.uniform(-0.05, 0.05)
        self.across = resampling(x, width, self.flip).bfloat16().T
        self.down = resampling(y, height).bfloat16()

    def crop(self, pictures, lower=False):
        """uint8 [T STORED STORED 3] -> bfloat16 [T 3 SIDE SIDE], 0 to 1; only the lower half of
        it [T 3 SIDE/2 SIDE] if `lower`."""
        planes = torch.from_numpy(pictures).permute(0, 3, 1, 2).bfloat16()
        down = self.down[SIDE // 2:] if lower else self.down
        planes = torch.matmul(down, torch.matmul(planes, self.across)) / 255
        if self.gains is None:
            return planes
        gains = torch.from_numpy(self.gains).bfloat16()[:, None, None]
        return ((planes - 0.5) * gains + (0.5 + self.shift)).clamp_(0, 1)


class Ear:
    """How the sound of a clip is heard: as it is, or louder or softer and with noise."""

    def __init__(self, rng=None):
        self.rng, self.shift, self.noise = rng, 0.0, None
        if rng is not None:
            self.shift = PER_DECIBEL * rng.uniform(-12, 6)
            if rng.random() < 0.3:
                tilt = rng.uniform(-10, 10) * np.linspace(-1, 1, 80)
                self.noise = PER_DECIBEL * (tilt - rng.uniform(25, 65))[:, None]

    def hear(self, mels):
        """float32 [N 80 16] -> [N 1 80 16]."""
        mels = np.where(mels > -4, mels + np.float32(self.shift), mels)
        if self.noise is not None:
            level = 4 + self.noise + PER_DECIBEL * 20 * np.log10(
                self.rng.rayleigh(0.8, mels.shape) + 1e-3)
            mels = np.log10(10 ** (mels / 0.8) + 10 ** (level / 0.8)) * 0.8
        return torch.from_numpy(np.clip(mels, -4, 4).astype(np.float32))[:, None]


def usable(clip):
    return clip.frames >= WINDOW + APART * WINDOWS + 1


def masked(faces, references):
    """faces, references [... 3 SIDE SIDE] -> what the generator sees [... 6 SIDE SIDE]."""
    hidden = faces.clone()
    hidden[..., SIDE // 2:, :] = 0
    return torch.cat([hidden, references], -3)


class Batches:
    def __init__(self, pools, seed):
        """pools: lists of clips; the clips of a batch come from them in turn. Clips that are held
        out are not drawn."""
        self.pools = [[c for c in pool if usable(c) and not held_out(c)] for pool in pools]
        self.seed = seed

    def choose(self, rng, number):
        pool = self.pools[number % len(self.pools)]
        return pool[int(rng.integers(len(pool)))]

    # ---- the expert's

    @staticmethod
    def windows(clip, rng=None):
        """First frames of WINDOWS windows around the speech [WINDOWS]."""
        span = APART * (WINDOWS - 1)
        low, high = clip.first - AROUND, clip.last + AROUND - WINDOW - span
        low, high = min(low, high), max(low, high)
        start = int(rng.integers(low, high + 1)) if rng is not None else (low + high) // 2
        start = min(max(start, 0), clip.frames - WINDOW - span)
        return start + APART * np.arange(WINDOWS)

    @classmethod
    def matched(cls, clip, rng=None):
        """float lower halves [WINDOWS 15 48 96], and the mel that goes with each
        [WINDOWS 1 80 16]."""
        starts = cls.windows(clip, rng)
        frames = np.arange(starts[0], starts[-1] + WINDOW)
        halves = View(rng).crop(clip.pictures(frames), lower=True)
        faces = torch.stack([halves[s - starts[0]:][:WINDOW].flatten(0, 1) for s in starts])
        return faces, Ear(rng).hear(np.stack([clip.sound(s) for s in starts]))

    def draw_matched(self, step, size):
        """Of `size` clips: [size WINDOWS 15 48 96], [size WINDOWS 1 80 16]."""
        rng = np.random.default_rng((self.seed, step))
        made = [self.matched(self.choose(rng, i), rng) for i in range(size)]
        return tuple(torch.stack(parts) for parts in zip(*made))

    @classmethod
    def plain_matched(cls, clips):
        """The same of given clips, as they are."""
        return tuple(torch.stack(parts) for parts in zip(*map(cls.matched, clips)))

    # ---- the generator's

    @staticmethod
    def frames(clip, count, rng):
        """First frames of `count` in a row to be made, and of those that are shown beside them."""
        low, high = 0, clip.frames - count
        if rng.random() < SPEECH:
            low = max(0, min(clip.first - AROUND, high))
            high = max(low, min(high, clip.last + AROUND))
        wanted = int(rng.integers(low, high + 1))
        return wanted, int(rng.integers(0, clip.frames - count + 1))

    @staticmethod
    def lesson(clip, wanted, shown, count, rng=None):
        """What the generator sees and hears [count 6 96 96], [count 1 80 16], and what it should
        make [count 3 96 96]. It learns to copy the mouth that it is shown long before it listens:
        with an rng there is often none to copy."""
        view = View(rng)
        target = view.crop(clip.pictures(np.arange(wanted, wanted + count)))
        reference = view.crop(clip.pictures(np.arange(shown, shown + count)))
        if rng is not None and rng.random() < HIDDEN:
            reference[MOUTH] = 0
        sound = np.stack([clip.sound(wanted + i) for i in range(count)])
        return masked(target, reference), Ear(rng).hear(sound), target

    def draw_lessons(self, step, size, count):
        """Of `size` clips `count` frames in a row: [size count 6 96 96] and so on."""
        rng = np.random.default_rng((self.seed, step))
        made = []
        for i in range(size):
            clip = self.choose(rng, i)
            made.append(self.lesson(clip, *self.frames(clip, count, rng), count, rng))
        return tuple(torch.stack(parts) for parts in zip(*made))

    @classmethod
    def plain_lessons(cls, clips, seed=0):
        """Of given clips a window of frames from the speech, as they are, beside the clip's first
        frames."""
        rng = np.random.default_rng(seed)
        made = []
        for clip in clips:
            last = max(clip.first, clip.last - WINDOW)
            wanted = min(int(rng.integers(clip.first, last + 1)), clip.frames - WINDOW)
            made.append(cls.lesson(clip, wanted, 0, WINDOW))
        return tuple(torch.stack(parts) for parts in zip(*made))
