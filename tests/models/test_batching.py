"""Batches by tokens: nothing lost, none larger than allowed, as few as filling them in order gives."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lga_core.models.running.batching import by_tokens, padded

WIDTHS = st.lists(st.integers(1, 40), max_size=30)


@given(widths=WIDTHS, most=st.integers(1, 120), rows=st.integers(1, 3))
def test_sorted_batches_hold_every_item_once_and_fit(widths, most, rows):
    size = padded(lambda place: widths[place], rows)
    batches = list(by_tokens(range(len(widths)), size, most, order=lambda place: widths[place]))
    places = [place for batch in batches for place in batch]
    assert sorted(places) == list(range(len(widths)))
    assert [widths[place] for place in places] == sorted(widths)
    for number, batch in enumerate(batches):
        assert len(batch) == 1 or size(batch) <= most
        if number + 1 < len(batches):
            assert size([*batch, batches[number + 1][0]]) > most, "the next item would have fitted"


@given(widths=WIDTHS, most=st.integers(1, 120))
def test_without_an_order_items_stay_in_theirs(widths, most):
    batches = list(by_tokens(iter(widths), padded(lambda width: width), most))
    assert [width for batch in batches for width in batch] == widths


def test_without_an_order_items_are_taken_as_batches_are_asked_for():
    taken = []

    def items():
        for width in (3, 3, 3, 3):
            taken.append(width)
            yield width

    batches = by_tokens(items(), padded(lambda width: width), 6)
    assert next(batches) == [3, 3] and len(taken) == 3
    assert list(batches) == [[3, 3]]


@pytest.mark.parametrize(("widths", "rows", "expected"), [([2, 5], 1, 10), ([2, 5, 1], 2, 30), ([4], 3, 12)])
def test_pads_count(widths, rows, expected):
    assert padded(lambda width: width, rows)(widths) == expected
