"""Layers as a user writes them."""

import pytest

from lga_core.data.asked import MOST_LAYERS, parse_layers, some
from lga_core.errors import LgaError


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("5", (5,)),
        ("5,6", (5, 6)),
        (" 0-3, 7 ", (0, 1, 2, 3, 7)),
        ("4-4", (4,)),
        ("5,20000", (5, 20_000)),
        ("5,20000-30000", (5, 20_000)),
    ],
)
def test_every_part_names_a_layer(text: str, expected: tuple[int, ...]) -> None:
    assert parse_layers(text) == expected


def test_a_range_beyond_any_model_is_cut_after_the_first_layer_that_none_has() -> None:
    assert parse_layers("0-999999999999") == tuple(range(MOST_LAYERS + 1))


@pytest.mark.parametrize("text", ["", "all", "5,", "-1", "1-2-3", "5,9-3", "5--3", "9" * 5000])
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(LgaError, match="Write layers as"):
        parse_layers(text)


def test_the_hint_about_a_set_without_facts_names_no_file() -> None:
    with pytest.raises(LgaError) as caught:
        some((), "of-another-folder.json")
    assert "`python -m lga_core facts FACTS`" in caught.value.hint
