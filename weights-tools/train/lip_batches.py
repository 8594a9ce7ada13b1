"""Batches for LipNet: what is drawn depends on the seed and the step alone."""
import zlib

import numpy as np
import torch
from torch.nn import functional as F

from train.lip_clips import RATE

BLANK, SPACE, FIRST_LETTER = 0, 1, 2
HELD_OUT = 25   # one person in so many, or one clip where all are of one person, is kept aside
KEEP = 3        # frames of silence that stay at each end at least
BUCKET = 8      # batches that are sorted by length together, so that little is padded


def held_out(clip):
    """Whether a clip is for validation. Clips of one rendered person are on the same side."""
    return zlib.crc32(clip.person.encode()) % HELD_OUT == 0


def labels(text):
    """LipNet's classes of a text of A to Z and spaces."""
    return [SPACE if c == " " else FIRST_LETTER + ord(c) - ord("A") for c in text]


def frame_labels(clip):
    """A class for each frame: the letters of a word share its frames evenly, a space lies on the
    frames between two words (the last of a word if there are none), silence around is blank."""
    classes = np.zeros(clip.frames, np.int64)
    for number, (start, end, word) in enumerate(clip.words):
        first = min(max(0, round(start * RATE)), clip.frames - 1)
        last = min(max(first + 1, round(end * RATE)), clip.frames)
        at = np.arange(first, last)
        classes[at] = np.array(labels(word))[(at - first) * len(word) // (last - first)]
        if number + 1 < len(clip.words):
            following = min(round(clip.words[number + 1][0] * RATE), clip.frames)
            classes[min(last, following - 1):following] = SPACE
    return classes


def frame_choice(rng, clip, cut=0.7):
    """Which frames are shown: silence at an end is cut somewhere, with the probability `cut`; now
    and then frames are lost or doubled, or all come from a slower camera."""
    first = int(clip.words[0][0] * RATE)
    last = int(np.ceil(clip.words[-1][1] * RATE))
    start = int(rng.integers(0, max(1, first - KEEP))) if rng.random() < cut else 0
    end = clip.frames
    if rng.random() < cut and last + KEEP < clip.frames:
        end = int(rng.integers(last + KEEP, clip.frames + 1))
    chosen = np.arange(start, end)
    if rng.random() < 0.1:
        rate = rng.choice([12.5, 15.0, 20.0, 24.0])
        return start + (np.floor((chosen - start) * rate / RATE) * RATE / rate).astype(int)
    if rng.random() < 0.4:
        chosen = np.sort(np.concatenate([chosen[rng.random(len(chosen)) > 0.02],
                                         chosen[rng.random(len(chosen)) < 0.02]]))
    return chosen


def moved(rng, planes):
    """float32 [T C H W] -> the same, all frames moved, turned, resized and mirrored alike."""
    _, _, height, width = planes.shape
    size = np.exp(rng.uniform(-0.09, 0.09))
    turn = rng.uniform(-0.07, 0.07)
    mirror = -1.0 if rng.random() < 0.5 else 1.0
    x, y = rng.uniform(-0.08, 0.08), rng.uniform(-0.11, 0.11)
    cos, sin, aspect = np.cos(turn) * size, np.sin(turn) * size, height / width
    matrix = torch.tensor([[mirror * cos, -sin * aspect, x],
                           [mirror * sin / aspect, cos, y]], dtype=torch.float32)
    grid = F.affine_grid(matrix[None], (1, 3, height, width), align_corners=False)
    flat = F.grid_sample(planes.flatten(0, 1)[None], grid, padding_mode="border",
                         align_corners=False)
    return flat[0].view_as(planes)


def relit(rng, planes):
    """float32 [T C H W] -> the same under other light, through another lens and sensor."""
    if rng.random() < 0.2:  # a small face
        share = rng.uniform(0.3, 0.8)
        planes = F.interpolate(F.interpolate(planes, scale_factor=share, mode="bilinear",
                                             align_corners=False),
                               size=planes.shape[2:], mode="bilinear", align_corners=False)
    middle = planes.mean()
    gains = np.exp(rng.uniform(-0.12, 0.12, planes.shape[1])) * np.exp(rng.uniform(-0.25, 0.2))
    if rng.random() < 0.12:
        gains = gains * rng.uniform(0.4, 0.8)
    planes = (planes - middle) * rng.uniform(0.75, 1.25) + middle + rng.uniform(-0.06, 0.06)
    planes = planes * torch.tensor(gains, dtype=torch.float32)[:, None, None]
    if rng.random() < 0.35:
        source = torch.Generator().manual_seed(int(rng.integers(1 << 62)))
        planes = planes + rng.uniform(0, 0.05) * torch.randn(planes.shape, generator=source)
    return planes.clamp_(0, 1)


class Batches:
    """pools: lists of (clips, how many of them an epoch shows)."""

    def __init__(self, pools, batch, seed):
        self.pools, self.batch, self.seed = pools, batch, seed
        self.epoch_steps = sum(count for _, count in pools) // batch
        self.order_of = {}

    def order(self, epoch):
        """The batches of an epoch: lists of clips."""
        if epoch not in self.order_of:
            rng = np.random.default_rng([self.seed, epoch])
            clips = [pool[i] for pool, count in self.pools
                     for i in rng.permutation(len(pool))[:count]]
            clips = [clips[i] for i in rng.permutation(len(clips))]
            chunk = self.batch * BUCKET
            batches = []
            for at in range(0, len(clips), chunk):
                part = sorted(clips[at:at + chunk], key=lambda clip: clip.frames)
                batches += [part[i:i + self.batch] for i in range(0, len(part), self.batch)]
            batches = [b for b in batches if len(b) == self.batch]
            batches = batches[:self.epoch_steps]
            self.order_of = {epoch: [batches[i] for i in rng.permutation(len(batches))]}
        return self.order_of[epoch]

    def draw(self, step):
        """(pictures [B 3 T 64 128], a class for each frame [B T], texts as classes)."""
        order = self.order(step // self.epoch_steps)
        clips = order[step % self.epoch_steps % len(order)]
        shown = []
        for number, clip in enumerate(clips):
            rng = np.random.default_rng([self.seed, step, number])
            chosen = frame_choice(rng, clip)
            planes = torch.from_numpy(clip.pictures()[chosen]).permute(0, 3, 1, 2).float() / 255
            shown.append((relit(rng, moved(rng, planes)), frame_labels(clip)[chosen]))
        return (*padded(shown), [labels(clip.text) for clip in clips])

    @staticmethod
    def plain(clips):
        """The same of clips as they are, for validation."""
        shown = [(torch.from_numpy(clip.pictures()).permute(0, 3, 1, 2).float() / 255,
                  frame_labels(clip)) for clip in clips]
        return (*padded(shown), [labels(clip.text) for clip in clips])


def padded(shown):
    """[(planes [T 3 H W], classes [T])] -> [B 3 T H W] and [B T]: the last picture, in silence,
    stays until the longest clip ends."""
    longest = max(len(classes) for _, classes in shown)
    pictures, targets = [], []
    for planes, classes in shown:
        more = longest - len(classes)
        pictures.append(torch.cat([planes, planes[-1:].expand(more, -1, -1, -1)]))
        targets.append(torch.from_numpy(np.concatenate([classes, np.zeros(more, np.int64)])))
    return torch.stack(pictures).transpose(1, 2), torch.stack(targets)
