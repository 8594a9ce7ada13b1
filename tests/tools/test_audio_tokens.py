"""The codebook of the audio tokens: k-means, and the order of the tokens."""
import numpy as np
import pytest

from train import audio_tokens as A


def grouped(rng, count, centres=6, spread=0.05):
    """Columns around a few far centres, of each group its own: (columns, centres [2 C 20])."""
    means = rng.normal(0, 4, (A.GROUPS, centres, A.WIDTH))
    chosen = rng.integers(centres, size=(A.GROUPS, count))
    halves = [means[g][chosen[g]] for g in range(A.GROUPS)]
    return np.concatenate(halves, 1) + rng.normal(0, spread, (count, A.BANDS)), means


def test_centres_of_clear_clusters_are_found():
    columns, means = grouped(np.random.default_rng(1), 3000)
    book = A.fit(columns, 6, 7)
    assert book.shape == (2, 6, 20) and book.dtype == np.float32
    for group in range(2):
        numbers, squares = A.nearest(means[group], book[group])
        assert sorted(numbers) == list(range(6)) and squares.max() < 0.01


def test_nearest_is_that_of_the_definition():
    rng = np.random.default_rng(2)
    points, centres = rng.normal(size=(40, 20)), rng.normal(size=(9, 20))
    plain = ((points[:, None] - centres) ** 2).sum(2)
    numbers, squares = A.nearest(points, centres)
    assert np.array_equal(numbers, plain.argmin(1)) and np.allclose(squares, plain.min(1))


def test_blocks_do_not_show(monkeypatch):
    rng = np.random.default_rng(3)
    points, centres = rng.normal(size=(50, 20)), rng.normal(size=(9, 20))
    whole = A.nearest(points, centres)
    monkeypatch.setattr(A, "BLOCK", 7)
    for a, b in zip(whole, A.nearest(points, centres)):
        assert np.allclose(a, b)


def test_steps_do_not_make_it_worse_and_use_every_code():
    rng = np.random.default_rng(4)
    points = rng.normal(size=(400, 20))
    centres = A.start(points, 32, rng)
    assert len(np.unique(centres, axis=0)) == 32
    centres[5] = 1e3  # nobody's nearest
    before = A.nearest(points, centres)[1].sum()
    for _ in range(10):
        centres, _ = A.moved(points, centres)
        after = A.nearest(points, centres)[1].sum()
        assert after <= before + 1e-9
        before = after
    assert np.bincount(A.nearest(points, centres)[0], minlength=32).min() > 0


def test_start_is_spread_as_k_means_plus_plus_spreads_it():
    """Two far clusters, one of them a hundredth of the points: the second centre lies in the other
    one nearly always, where a draw without weights would find it once in a hundred."""
    rng = np.random.default_rng(5)
    points = np.concatenate([rng.normal(0, 0.1, (990, 20)), rng.normal(9, 0.1, (10, 20))])
    apart = 0
    for seed in range(20):
        centres = A.start(points, 2, np.random.default_rng(seed))
        apart += abs(centres[0, 0] - centres[1, 0]) > 5
    assert apart >= 19


def test_same_seed_same_codebook_and_few_columns_are_sampled(monkeypatch):
    columns, _ = grouped(np.random.default_rng(6), 900, spread=1)
    monkeypatch.setattr(A, "SAMPLED", 300)
    book = A.fit(columns, 16, 3)
    assert np.array_equal(book, A.fit(columns, 16, 3))
    assert not np.array_equal(book, A.fit(columns, 16, 4))


def test_tokens_are_in_the_order_of_the_heads():
    """Step by step, both groups in turn; columns 4t .. 4t+3 in frame t; the last column goes on."""
    book = np.random.default_rng(8).normal(size=(2, 12, 20)).astype(np.float32)
    low, high = np.arange(10) % 12, (np.arange(10) + 5) % 12
    log_mel = np.concatenate([book[0, low], book[1, high]], 1).T
    found = A.tokens(log_mel, book, 3)
    assert found.shape == (3, 8) and found.dtype == np.int64
    for t in range(3):
        for step in range(4):
            column = min(4 * t + step, 9)
            assert found[t, 2 * step] == low[column] and found[t, 2 * step + 1] == high[column]
    assert A.tokens(log_mel, book, 1).tolist() == found[:1].tolist()


@pytest.mark.parametrize("columns", [np.zeros((50, 39)), np.zeros(40), np.full((50, 40), np.nan)])
def test_refuses_what_are_no_columns(columns):
    with pytest.raises(ValueError, match="columns must be finite numbers"):
        A.fit(columns, 4, 1)


def test_refuses_too_few_different_columns():
    with pytest.raises(ValueError, match="hold 3 different ones, fewer than 4"):
        A.fit(np.repeat(np.eye(3, 40), 5, 0) + np.eye(3, 40, 20).repeat(5, 0), 4, 1)
