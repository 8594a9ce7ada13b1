"""The sub-word units: learning them, and writing texts by them."""
import itertools
import math

import pytest

from sentence_networks import units_vocab
from synth import sentences
from train import units as U

TEXTS = ["SHE SELLS SEA SHELLS", "THE SHELLS SHE SELLS ARE SEA SHELLS", "SEASHORE SHELLS",
         "I'M SURE SHE SELLS SEASHORE SHELLS"]
SMALL = [("\u2581", -1.0), ("A", -2.0), ("B", -2.5), ("AB", -3.0), ("BA", -4.0), ("\u2581A", -2.2),
         ("ABA", -6.0)]


def all_ways(word, table):
    """Every segmentation of a word with its log probability, by trying every set of cuts."""
    for cuts in itertools.product((False, True), repeat=len(word) - 1):
        edges = [0, *(i for i, cut in enumerate(cuts, 1) if cut), len(word)]
        way = [word[a:b] for a, b in zip(edges, edges[1:])]
        if all(unit in table for unit in way):
            yield way, sum(table[unit] for unit in way)


@pytest.mark.parametrize("text", ["A", "ABBA", "BABAB", "AABABA", "BBBB"])
def test_segmentation_is_the_most_probable(text):
    way, _ = max(all_ways("\u2581" + text, dict(SMALL)), key=lambda pair: pair[1])
    assert U.segment(text, SMALL) == way


def test_expected_counts_are_those_of_all_segmentations():
    table, word = dict(SMALL), "\u2581ABABA"
    counts, log_probability = U.expected(word, table)
    ways = [(way, math.exp(p)) for way, p in all_ways(word, table)]
    total = sum(p for _, p in ways)
    assert log_probability == pytest.approx(math.log(total))
    for unit in table:
        assert counts[unit] == pytest.approx(sum(way.count(unit) * p for way, p in ways) / total)


def test_em_makes_the_texts_more_probable():
    words = {"\u2581SHELLS": 7, "\u2581SHE": 5, "\u2581SEA": 3, "\u2581SELLS": 2}

    def likelihood(table):
        return sum(n * U.expected(word, table)[1] for word, n in words.items())

    units = U.seeds(words)
    for _ in range(4):
        before = likelihood(units)
        units = U.improved(words, units)
        assert sum(math.exp(p) for p in units.values()) == pytest.approx(1)
        assert likelihood(units) > before


def test_frequent_words_become_units_and_rare_ones_are_spelt():
    units = U.learn(TEXTS * 20 + ["XYLOPHONE"], 24)
    found = [unit for unit, _ in units]
    assert len(found) == len(set(found)) == 24
    assert "\u2581SHE" in found and U.segment("SHE", units) == ["\u2581SHE"]
    assert set("\u2581" + "".join(TEXTS).replace(" ", "") + "XYLOPHONE") <= set(found)
    assert len(U.segment("XYLOPHONE", units)) >= 8
    assert sum(math.exp(p) for _, p in units) == pytest.approx(1)
    assert [p for _, p in units] == sorted((p for _, p in units), reverse=True)


def test_pruning_takes_the_units_whose_loss_costs_least():
    words = {"\u2581QUIT": 9, "\u2581QUA": 8, "\u2581SIT": 4, "\u2581AT": 3, "\u2581UT": 2}
    counts = {**dict.fromkeys("\u2581QUITAS", 4), "QU": 17, "IT": 13, "UT": 1,
              "\u2581A": 3, "\u2581S": 4}
    units = U.probabilities(counts)

    def best(table):
        return sum(n * U.best_path(word, table)[1] for word, n in words.items())

    cost = {unit: best(units) - best({u: p for u, p in units.items() if u != unit})
            for unit in units if len(unit) > 1}
    order = sorted(cost, key=cost.get)
    assert len(set(cost.values())) == len(cost)
    for gone in range(1, 5):
        assert set(units) - set(U.pruned(words, units, len(units) - gone)) == set(order[:gone])
    assert "Q" in U.pruned(words, units, 7)


def test_texts_come_back_and_no_unit_crosses_words():
    units = U.learn(TEXTS, 30)
    for text in TEXTS:
        assert U.joined(U.segment(text, units)) == text
    assert all(SPACE not in unit[1:] for SPACE in (" ", "\u2581") for unit, _ in units)
    assert U.joined(U.segment("  SHELLS   ARE\tSHELLS ", units)) == "SHELLS ARE SHELLS"
    assert U.segment("", units) == []


def test_same_texts_in_any_order_give_the_same_units():
    assert U.learn(TEXTS, 30) == U.learn(TEXTS[::-1], 30)


def test_vocabulary_of_the_rendered_sentences():
    """A hundred units that are no letters write the closed vocabulary in far fewer than it has
    letters."""
    words = [word.upper() for word in sentences.load("words").vocabulary()]
    units = U.learn([" ".join(words)] * 2, 128)
    lengths = [len(U.segment(word, units)) for word in words]
    assert sum(lengths) < 0.65 * sum(len(word) + 1 for word in words)
    assert all(U.joined(U.segment(word, units)) == word for word in words)


def test_numbers_and_the_file_for_the_converter():
    units = U.learn(TEXTS, 26)
    tokens = units_vocab(U.vocab_text(units))
    assert tokens == U.token_list(units) and tokens[0] == "<blank>" and tokens[-1] == "<eos>"
    assert U.joined([tokens[i] for i in U.numbers(TEXTS[1], units)]) == TEXTS[1]


def test_file_keeps_the_units(tmp_path):
    units, path = U.learn(TEXTS, 26), str(tmp_path / "units.tsv")
    U.write(path, units)
    assert U.read(path) == units
    with open(path, "a", encoding="utf-8") as out:
        out.write("SHE\n")
    with pytest.raises(ValueError, match="line 27 is not a unit"):
        U.read(path)


@pytest.mark.parametrize("text", ["SHE SELLS 4", "she", "SHE\u2581SELLS"])
def test_refuses_characters_it_does_not_know(text):
    with pytest.raises(ValueError, match="character '[4s]'|U\\+2581"):
        U.segment(text, U.learn(TEXTS, 26))


@pytest.mark.parametrize("size, what", [(5, "too few"), (5000, "too many")])
def test_refuses_sizes_that_cannot_be(size, what):
    with pytest.raises(ValueError, match=what):
        U.learn(TEXTS, size)
