"""A baseline's blank is a token that the model can read, or there is none and it is said so."""

import numpy as np
import pytest
from few_positions import IMAGE, VOCABULARY, askable_facts, few_positions

from lga_core.errors import LgaError
from lga_core.models.text.tokens import answer_row
from lga_core.scores.attribution.layer_attribution import baseline_row, blank_token, ig_rows
from lga_core.scores.attribution.token_attribution import token_attribution
from lga_core.scores.known_facts import check_known_facts
from lga_core.scores.settings import IgSettings

SETTINGS = IgSettings(steps=2)


def attributed(model):
    fact = askable_facts()[0]
    checks = list(check_known_facts(model, [fact]))
    (row,) = ig_rows(model, [fact], checks, SETTINGS)
    return row.values["score"], token_attribution(model, fact, checks[0], n_steps=2).scores["new"]


def test_a_padding_without_an_embedding_gives_way_to_the_end_of_text():
    model = few_positions()
    assert model.tokenizer.pad_token is None
    expected = attributed(model)  # with the end of text
    model.tokenizer.pad_token = IMAGE
    assert model.tokenizer.pad_token_id == VOCABULARY
    assert blank_token(model.asking) == model.tokenizer.eos_token_id
    row = answer_row(model.asking, "The capital of France is", "Paris")
    assert max(baseline_row(model.asking, row).ids) < VOCABULARY
    for found, value in zip(attributed(model), expected, strict=True):
        np.testing.assert_array_equal(found, value)


def test_without_a_blank_that_can_be_read_the_scores_are_refused():
    model = few_positions()
    model.tokenizer.pad_token = model.tokenizer.eos_token = IMAGE
    with pytest.raises(LgaError, match="neither a padding nor an end-of-text token that the model can read"):
        attributed(model)
