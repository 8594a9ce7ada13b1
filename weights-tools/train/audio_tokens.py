"""The audio tokens that a SyncVSR network learns to tell from mouths: clusters of log-mel columns.

They stand for those of a quantiser of sound in SyncVSR (Ahn et al. 2024): four steps a video frame,
in two groups. A token is the nearest of `codes` centres; group 0 looks at the low bands of a
column, group 1 at the high ones. The columns are those of reference/logmel.py, 100 a second,
4t .. 4t+3 in video frame t. The centres are found by k-means: k-means++ (Arthur and Vassilvitskii,
2007), then Lloyd's steps.
"""
import numpy as np

from reference.logmel import BANDS

GROUPS = 2
WIDTH = BANDS // GROUPS  # bands of a group
STEPS = 4                # tokens of a group in a video frame
CODES = 320              # in a group
SAMPLED = 100000         # columns to fit to at most
ITERATIONS = 30          # of Lloyd's at most
BLOCK = 4096             # columns whose distances are held at a time


def nearest(points, centres):
    """The number of the nearest of centres [C D] for each of points [M D], and the squared distance
    to it."""
    numbers = np.empty(len(points), np.int64)
    half = (centres ** 2).sum(1) / 2
    for first in range(0, len(points), BLOCK):
        closeness = points[first:first + BLOCK] @ centres.T
        closeness -= half
        numbers[first:first + BLOCK] = closeness.argmax(1)
    return numbers, ((points - centres[numbers]) ** 2).sum(1)


def start(points, codes, rng):
    """Centres to start from: points, each drawn with a probability that is proportional to the
    squared distance to the nearest that is chosen already."""
    centres = np.empty((codes, points.shape[1]), points.dtype)
    squares = np.ones(len(points))
    for i in range(codes):
        total = squares.sum()
        if total == 0:
            raise ValueError(f"the columns hold {i} different ones, fewer than {codes} codes")
        centres[i] = points[rng.choice(len(points), p=squares / total)]
        found = ((points - centres[i]) ** 2).sum(1).astype(np.float64)
        squares = found if i == 0 else np.minimum(squares, found)
    return centres


def moved(points, centres):
    """One of Lloyd's steps: (centres, the number of each point's). A centre that is nobody's
    nearest goes to a point that lies farthest from its own."""
    numbers, squares = nearest(points, centres)
    counts = np.bincount(numbers, minlength=len(centres))
    sums = np.stack([np.bincount(numbers, column, len(centres)) for column in points.T], 1)
    new = (sums / np.maximum(counts, 1)[:, None]).astype(points.dtype)
    empty = np.flatnonzero(counts == 0)
    new[empty] = points[np.argsort(-squares, kind="stable")[:len(empty)]]
    return new, numbers


def k_means(points, codes, rng):
    """Centres [codes D] of points [M D]."""
    centres, before = start(points, codes, rng), None
    for _ in range(ITERATIONS):
        centres, numbers = moved(points, centres)
        if before is not None and np.array_equal(numbers, before):
            break
        before = numbers
    return centres


def fit(columns, codes=CODES, seed=1):
    """The codebook, float32 [GROUPS codes WIDTH], of log-mel columns [M BANDS], of which SAMPLED
    are drawn where there are more. ValueError where they hold fewer different ones than codes."""
    columns = np.asarray(columns, np.float32)
    if columns.ndim != 2 or columns.shape[1] != BANDS or not np.isfinite(columns).all():
        raise ValueError(f"columns must be finite numbers [M {BANDS}], not {columns.shape}")
    rng = np.random.default_rng(seed)
    if len(columns) > SAMPLED:
        columns = columns[np.sort(rng.choice(len(columns), SAMPLED, replace=False))]
    return np.stack([k_means(columns[:, first:first + WIDTH], codes, rng)
                     for first in range(0, BANDS, WIDTH)])


def tokens(log_mel, codebook, frames):
    """int64 [frames STEPS * GROUPS] of log_mel [BANDS K], K > 0, in the order of the outputs of
    upstream's heads [frames STEPS * GROUPS codes]: step 0 group 0, step 0 group 1, step 1 group 0,
    and so on. Frames behind the last column repeat it."""
    columns = np.asarray(log_mel, np.float32).T
    columns = columns[np.minimum(np.arange(STEPS * frames), len(columns) - 1)]
    found = [nearest(columns[:, group * WIDTH:(group + 1) * WIDTH], codebook[group])[0]
             for group in range(GROUPS)]
    return np.stack(found, 1).reshape(frames, STEPS * GROUPS)
