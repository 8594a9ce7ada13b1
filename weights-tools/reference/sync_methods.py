"""The offset between N video and N audio embeddings by the two methods that need no classifier.

Scores are for the offsets -REACH .. REACH; the best is the largest. An offset o means that video
embedding i + o goes with audio embedding i.
"""
import numpy as np

REACH = 5


def diagonal_means(matrix, reach=REACH):
    """matrix [N N] of cosines, rows audio, columns video -> means along its diagonals
    [2 reach + 1]: Diag-avg."""
    return np.array([np.diagonal(matrix, o).mean() for o in range(-reach, reach + 1)])


def sliding_window(audio, video, reach=REACH):
    """audio, video [N E], unit length -> [2 reach + 1], minus the mean distance of each video
    embedding to the audio embedding that an offset gives it; beyond the ends that is zero, as in
    SyncNet's evaluation."""
    count = len(video)
    padded = np.pad(audio, ((reach, reach), (0, 0)))
    distances = [np.sqrt((np.square(video - padded[reach - o:reach - o + count] + 1e-6)).sum(1))
                 for o in range(-reach, reach + 1)]
    return -np.mean(distances, axis=1)
