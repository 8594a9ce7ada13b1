"""Batches for the sentence reader: what is drawn depends on the seed and the step alone."""
import copy

import numpy as np
import torch
from torch.nn import functional as F

from train import audio_tokens, units
from train.lip_batches import BLANK, frame_choice, held_out, moved, relit
from train.vsr_clips import RATE

SEEN = 88                  # pixels of a crop that the network sees: all of them, or means of 2 x 2
MEAN, DEVIATION = 0.421, 0.165
MASKED = 10                # frames at most are blank in each second
BLOCK = 8                  # batches that are sorted by length together, so that little is padded


def planes_of(pictures, side):
    """uint8 [T 96 96] -> float32 [T 1 S S], 0 to 1, of which the middle `side` pixels are seen."""
    planes = torch.from_numpy(pictures)[:, None].float() / 255
    return F.avg_pool2d(planes, SEEN // side) if side < SEEN else planes


def normalized(planes, side):
    """float32 [T 1 S S], 0 to 1 -> the middle [T side side], as the network is fed."""
    edge = (planes.shape[2] - side) // 2
    return (planes[:, 0, edge:-edge, edge:-edge] - MEAN) / DEVIATION


def masked(rng, greys):
    """[T side side] with some frames of each second blank: the mean grey, which is 0."""
    for start in range(0, len(greys), RATE):
        length = int(rng.integers(0, MASKED + 1))
        first = start + int(rng.integers(0, RATE - length + 1))
        greys[first:first + length] = 0
    return greys


class Lessons:
    """What is to be learned about clips: texts as units, a unit for each frame, audio tokens.
    inventory: units.learn's; codebook: audio_tokens.fit's."""

    def __init__(self, inventory, codebook):
        self.inventory, self.codebook = inventory, codebook
        self.ids = {unit: number for number, (unit, _) in enumerate(inventory, 1)}
        self.names = ["", *self.ids, ""]
        self.end = len(self.ids) + 1  # number of <eos>, the last

    def text(self, clip):
        return [self.ids[u] for u in units.segment(clip.text, self.inventory)]

    def frames(self, clip):
        """A unit for each frame: those of a word share its frames evenly, all else is blank."""
        classes = np.full(clip.frames, BLANK, np.int64)
        for start, end, word in clip.words:
            said = np.array([self.ids[u] for u in units.segment(word, self.inventory)])
            first = min(max(0, round(start * RATE)), clip.frames - 1)
            last = min(max(first + 1, round(end * RATE)), clip.frames)
            at = np.arange(first, last)
            classes[at] = said[(at - first) * len(said) // (last - first)]
        return classes

    def tokens(self, clip):
        """int64 [T 8]."""
        return audio_tokens.tokens(clip.log_mel(), self.codebook, clip.frames)

    def words(self, numbers):
        """Units by number -> the words that they spell."""
        return "".join(self.names[n] for n in numbers).replace(units.SPACE, " ").split()


class Batches:
    """pools: lists of clips, each of which gives as many clips as the others, `share` to a batch on
    the average; side: of the network's pictures, 88 or 44."""

    def __init__(self, pools, lessons, share, side, seed):
        self.pools = [[c for c in pool if not held_out(c)] for pool in pools]
        self.lessons, self.share, self.side, self.seed = lessons, share, side, seed
        self.orders, self.blocks = {}, {}

    def clip(self, pool, number):
        """The clip that is shown as the number-th of a pool: every one once, then anew."""
        clips = self.pools[pool]
        epoch, at = divmod(number, len(clips))
        if (pool, epoch) not in self.orders:
            self.orders[pool, epoch] = np.random.default_rng(
                [self.seed, pool, epoch]).permutation(len(clips))
        return clips[self.orders[pool, epoch][at]]

    def block(self, number):
        """BLOCK batches of (clip, random numbers, frames that are shown)."""
        if number not in self.blocks:
            count, found = BLOCK * self.share, []
            for pool in range(len(self.pools)):
                for i in range(number * count, (number + 1) * count):
                    rng = np.random.default_rng([self.seed, pool, i])
                    clip = self.clip(pool, i)
                    found.append((clip, rng, frame_choice(rng, clip, cut=1.0)))
            found.sort(key=lambda lesson: len(lesson[2]))
            size = len(found) // BLOCK
            order = np.random.default_rng([self.seed, number]).permutation(BLOCK)
            self.blocks = {number: [found[i * size:(i + 1) * size] for i in order]}
        return self.blocks[number]

    def draw(self, step):
        """(greys [B T side side], a unit for each frame [B T], audio tokens [B T 8], texts)."""
        batch = self.block(step // BLOCK)[step % BLOCK]
        shown = []
        for clip, rng, chosen in batch:
            rng = copy.deepcopy(rng)  # a batch may be drawn again
            planes = planes_of(clip.pictures()[chosen], self.side)
            greys = masked(rng, normalized(relit(rng, moved(rng, planes)), self.side))
            shown.append((greys, self.lessons.frames(clip)[chosen],
                          self.lessons.tokens(clip)[chosen]))
        return (*padded(shown), [self.lessons.text(clip) for clip, _, _ in batch])

    def plain(self, clips):
        """The same of clips as they are, for validation."""
        shown = [(normalized(planes_of(clip.pictures(), self.side), self.side),
                  self.lessons.frames(clip), self.lessons.tokens(clip)) for clip in clips]
        return (*padded(shown), [self.lessons.text(clip) for clip in clips])


def padded(shown):
    """[(greys [T side side], units [T], tokens [T 8])] -> all in one: the last picture, in silence,
    stays until the longest clip ends."""
    longest = max(len(greys) for greys, _, _ in shown)
    greys, frames, tokens = [], [], []
    for g, f, t in shown:
        more = longest - len(g)
        greys.append(torch.cat([g, g[-1:].expand(more, -1, -1)]))
        frames.append(torch.from_numpy(np.pad(f, (0, more), constant_values=BLANK)))
        tokens.append(torch.from_numpy(np.pad(t, ((0, more), (0, 0)), mode="edge")))
    return torch.stack(greys), torch.stack(frames), torch.stack(tokens)
