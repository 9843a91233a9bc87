"""What is restored by a causal trace has one title, from which its short one is made."""

from typing import get_args

from lga_core.results import Kind
from lga_core.view.words.names import KIND_TITLES, restored_title
from lga_core.view.words.scores.options import KINDS
from lga_core.view.words.text import capitalized


def test_every_kind_has_a_title():
    assert set(KIND_TITLES) == set(KINDS) == set(get_args(Kind))
    assert next(iter(KINDS)) == "mlp", "ROME's own choice is the first"


def test_titles_in_short_and_at_the_beginning_of_a_line():
    assert [restored_title(kind) for kind in ("mlp", "hidden", "attn")] == ["MLP", "hidden state", "attention"]
    assert [capitalized(title) for title in KIND_TITLES.values()] == ["Hidden state", "MLP output", "Attention output"]
    assert capitalized("") == ""
