"""Batches for the lip-sync networks: what is drawn depends on the seed and the step alone."""
import zlib

import numpy as np
import torch

from reference.logmel import normalized_log
from train.sync_clips import STORED
from train.sync_model import REACH, SIZES, WINDOW, lip_planes

FRAMES = 36         # of a clip in a batch
AROUND = 2          # frames that a part may reach out of the speech
HELD_OUT = 25       # one in so many people is kept for validation
NOISE = 1 << 22     # values in the bank of noise


def held_out(clip):
    """Whether a clip is for validation. Clips of one rendered person are on the same side."""
    return zlib.crc32(clip.person.encode()) % HELD_OUT == 0


def usable(clip):
    return clip.frames >= FRAMES + 2 * REACH


def choose_start(rng, clip):
    """First frame of a part of FRAMES frames in which is spoken as much as can be, and around
    which the sound goes on for REACH frames."""
    low, high = clip.first - AROUND, clip.last + AROUND - FRAMES
    if high < low:  # the speech is shorter: it lies anywhere in the part
        low, high = high, low
    start = int(rng.integers(low, high + 1))
    return min(max(start, REACH), clip.frames - FRAMES - REACH)


def resampling(centre, width, side, flip=False):
    """A matrix [side STORED] that takes `side` pixels from a row, around `centre`, over `width`
    pixels of it."""
    at = centre - width / 2 + (np.arange(side) + 0.5) * (width / side) - 0.5
    at = np.clip(at, 0, STORED - 1)
    low = np.minimum(at.astype(int), STORED - 2)
    matrix = np.zeros((side, STORED), np.float32)
    matrix[np.arange(side), low] = 1 - (at - low)
    matrix[np.arange(side), low + 1] = at - low
    return torch.from_numpy(matrix[::-1].copy() if flip else matrix)


def blurred(matrix, side):
    """The same through a row of only `side` pixels."""
    full = matrix.shape[0]
    down = torch.nn.functional.interpolate(matrix.T[None], size=side, mode="linear")
    return torch.nn.functional.interpolate(down, size=full, mode="linear")[0].T


class Batches:
    def __init__(self, clips, frame_size, seed):
        """clips: lists of clips; the clips of a batch come from them in turn."""
        self.pools = [pool for pool in clips if pool]
        self.side, self.seed = frame_size, seed
        self.noise = torch.from_numpy(np.random.default_rng(seed).standard_normal(
            NOISE, np.float32)).bfloat16()

    # ---- pictures

    def crop(self, clip, start, rng=None):
        """The crops of FRAMES frames from `start` on, bfloat16 [T 3 S S], 0..255; moved, resized,
        mirrored, blurred, brightened and made noisy if there is an rng."""
        x, y, width = clip.crop
        flip, gains, shift, noise, blur = False, np.ones(3), 0.0, 0.0, 0
        if rng is not None:
            x, y = x + rng.uniform(-0.06, 0.06) * width, y + rng.uniform(-0.06, 0.06) * width
            width *= np.exp(rng.uniform(-0.12, 0.12))
            flip, shift = rng.random() < 0.5, rng.uniform(-25, 25)
            gains = np.exp(rng.uniform(-0.3, 0.3) + rng.uniform(-0.12, 0.12, 3))
            noise = rng.uniform(0, 6) if rng.random() < 0.5 else 0.0
            blur = int(self.side * rng.uniform(0.4, 0.9)) if rng.random() < 0.3 else 0
        across = resampling(x, width, self.side, flip)
        down = resampling(y, width, self.side)
        if blur:
            across, down = blurred(across, blur), blurred(down, blur)
        planes = torch.from_numpy(clip.pictures(start, FRAMES)).permute(0, 3, 1, 2).bfloat16()
        planes = torch.matmul(down.bfloat16(), torch.matmul(planes, across.bfloat16().T))
        if rng is None:
            return planes
        gains = torch.from_numpy(gains).bfloat16()[:, None, None]
        planes = (planes - 128) * gains + (128 + shift)
        if noise:
            count = planes.numel()
            at = int(rng.integers(0, NOISE - count))
            planes = planes + noise * self.noise[at:at + count].view_as(planes)
        return planes.clamp_(0, 255)

    # ---- sound

    def log_mel(self, clip, start, rng=None, other=None):
        """Windows of the normalized log-mel, float32 [K + 2 * REACH 40 20], the first one REACH
        frames before `start`. With an rng louder or softer, with noise, with another clip's sound
        behind it, and normalized over a part of the clip."""
        power, low, high = clip.power, 0, clip.frames
        if rng is not None:
            power = power * np.float32(10 ** rng.uniform(-1, 1))
            mean = power.mean()
            if rng.random() < 0.3:
                tilt = np.exp(rng.uniform(-2, 2) * np.linspace(-1, 1, len(power)))[:, None]
                level = mean * 10 ** -rng.uniform(0, 4)
                power = power + level * tilt * rng.gamma(2, 0.5, power.shape)
            if other is not None and rng.random() < 0.3:
                babble = np.resize(other.power.T, power.T.shape).T
                level = mean / (babble.mean() + 1e-6) * 10 ** -rng.uniform(0.3, 3)
                power = power + level * babble
            if rng.random() < 0.5:
                low = int(rng.integers(0, start - REACH + 1))
                high = int(rng.integers(start + FRAMES + REACH, clip.frames + 1))
        mel = normalized_log(power[:, 4 * low:4 * high + 2]).astype(np.float32)
        first = 4 * (start - REACH - low)
        count = FRAMES - WINDOW + 1 + 2 * REACH
        part = np.lib.stride_tricks.sliding_window_view(mel, 20, axis=1)
        part = part[:, first:first + 4 * count:4]
        return torch.from_numpy(part.transpose(1, 0, 2).copy())

    # ---- batches

    def draw(self, step, size):
        """Planes [B K 60 S/2 S/2], windows [B K+2*REACH 40 20], and for each size of matrix
        (starts, offsets) [B P]."""
        rng = np.random.default_rng((self.seed, step))
        chosen = []
        for i in range(size):
            pool = self.pools[i % len(self.pools)]
            chosen.append(pool[int(rng.integers(len(pool)))])
        planes, windows = [], []
        for i, clip in enumerate(chosen):
            start = choose_start(rng, clip)
            planes.append(self.crop(clip, start, rng))
            windows.append(self.log_mel(clip, start, rng, chosen[i - 1]))
        return lip_planes(torch.stack(planes)), torch.stack(windows), draw_parts(rng, size)

    def plain(self, clips, seed=0):
        """The same of given clips, as they are."""
        rng = np.random.default_rng(seed)
        starts = [choose_start(rng, clip) for clip in clips]
        planes = [self.crop(c, s) for c, s in zip(clips, starts)]
        windows = [self.log_mel(c, s) for c, s in zip(clips, starts)]
        return lip_planes(torch.stack(planes)), torch.stack(windows), draw_parts(rng, len(clips))


def draw_parts(rng, size, parts=8):
    """{N: (starts, offsets)}, int64 [size parts]: where parts of N windows begin, and by how many
    frames their sound is moved."""
    made = {}
    for n in SIZES:
        starts = rng.integers(0, FRAMES - WINDOW + 2 - n, (size, parts))
        offsets = rng.integers(-REACH, REACH + 1, (size, parts))
        made[n] = torch.from_numpy(starts), torch.from_numpy(offsets)
    return made
