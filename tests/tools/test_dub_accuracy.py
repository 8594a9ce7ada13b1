"""bench/accuracy/dub.py: what it reads off faces, and the table it prints."""
import os
import sys

import numpy as np
import pytest

from conftest import ROOT

sys.path.insert(0, os.path.join(ROOT, "bench", "accuracy"))
import dub  # noqa: E402


def test_similarity_is_that_of_one_window():
    """Of pictures as large as the window, by the formula as it is written."""
    rng = np.random.default_rng(1)
    a, b = rng.uniform(0, 255, (2, 1, 11, 11))
    line = np.exp(-np.arange(-5, 6) ** 2 / 4.5)
    weights = np.outer(line, line) / line.sum() ** 2
    ma, mb = (weights * a).sum(), (weights * b).sum()
    va, vb = (weights * (a - ma) ** 2).sum(), (weights * (b - mb) ** 2).sum()
    both = (weights * (a - ma) * (b - mb)).sum()
    wanted = ((2 * ma * mb + 6.5025) * (2 * both + 58.5225) /
              ((ma ** 2 + mb ** 2 + 6.5025) * (va + vb + 58.5225)))
    assert dub.ssim(a, b) == pytest.approx(wanted)
    assert dub.ssim(a, a) == pytest.approx(1)


def test_opening_is_the_gap_of_the_inner_lips():
    points = np.zeros((2, 68, 2))
    points[:, dub.EYES[1], 0] = 50
    for upper, lower in dub.LIPS:
        points[1, lower, 1] = 6
    assert dub.true_opening(points).tolist() == [0, 12]


def test_opening_is_read_off_pictures():
    """Dark mouths of known height, on another picture each."""
    rng = np.random.default_rng(2)
    heights = rng.integers(0, 20, 60)
    faces = rng.integers(170, 180, (60, 96, 96, 3)).astype(np.uint8)
    for face, height in zip(faces, heights):
        face[70 - height // 2:70 - height // 2 + height, 36:60] = 20
    x = dub.features(faces)
    read = dub.Regression(x[:40], heights[:40].astype(float))(x[40:])
    assert np.abs(read - heights[40:]).max() < 1
    assert np.abs(dub.own_error(x, heights.astype(float)) - heights).mean() < 0.5
    rows = dub.opening_row([((heights * 0.5, heights.astype(float)), [3, 4])])
    assert rows["correlation"] == pytest.approx(1)
    assert rows["error"] == pytest.approx(heights.mean() / 2)
    assert rows["closed"] == pytest.approx(heights[3:5].mean() / 2)
    assert rows["open_true"] == pytest.approx(np.sort(heights)[-6:].mean())


def test_lips_close_in_the_middle_of_these_consonants():
    phonemes = [["b", 0.40, 0.48], ["I", 0.48, 0.6], ["m", 1.0, 1.04], ["p", 9.0, 9.1]]
    assert dub.frames_of(phonemes, 75) == [11, 25]


def test_table():
    opening = {"error": 1.0, "correlation": 0.5, "closed": 1.25, "closed_true": 0.0, "open": 9.0,
               "open_true": 12.0}
    rows = {"made": {"l1": 3.456, "ssim": 0.9, "opening": opening}, "true frames":
            {"opening": opening}}
    sync = {"true": {"clips": 2, "scored": 0, "lse_d": None, "lse_c": None, "near": None}}
    lines = dub.markdown({"faces": [{"name": "people", "clips": 2, "rows": rows}],
                          "sync": [{"name": "people", "rows": sync}]})
    read = "1.00 | 0.50 | 1.2 (0.0) | 9.0 (12.0) |"
    assert f"| people, 2 clips | made | 3.46 | 0.900 | {read}" in lines
    assert f"| people, 2 clips | true frames | - | - | {read}" in lines
    assert "| people | true | - | - | - | 0 of 2 |" in lines
