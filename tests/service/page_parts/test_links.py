"""What an address opens: a record, layers, options of the scores, and what a new tab begins with."""

import pytest

from lga_core.service.page_parts.links import first_view, linked_fact, linked_layers
from lga_core.service.page_parts.score_options import FIRST, options_in, options_in_words, score_choices
from lga_core.service.reading.method_scores import ScoreChoices


@pytest.mark.parametrize(
    ("address", "fact", "layers"),
    [
        ({}, None, []),
        ({"fact": "3", "layers": "11,2,11"}, 3, [2, 11]),
        ({"fact": "three", "layers": "1,x"}, None, []),
        ({"fact": "", "layers": ""}, None, []),
        ({"layers": "-1,4,1000000000"}, None, [4]),
    ],
)
def test_a_record_and_layers_are_read_and_other_words_ignored(address, fact, layers):
    assert (linked_fact(address), linked_layers(address)) == (fact, layers)


NEW_TAB = {"linked_run": None, "tabs_run": None, "link_asks": False, "begun": False}


@pytest.mark.parametrize(
    ("what", "first"),
    [
        ({}, "last runs"),
        ({"begun": True}, None),
        ({"linked_run": "abc", "link_asks": True}, "linked run"),
        ({"linked_run": "abc", "tabs_run": "def0", "link_asks": True, "begun": True}, "linked run"),
        ({"linked_run": "abc", "tabs_run": "abc0", "link_asks": True, "begun": True}, None),
        ({"link_asks": True}, "stored answer"),
        ({"link_asks": True, "begun": True}, "stored answer"),
    ],
)
def test_a_link_goes_before_the_last_runs_and_the_tabs_own_run_is_no_link(what, first):
    assert first_view(**{**NEW_TAB, **what}) == first


def test_at_first_the_options_are_the_defaults_and_an_address_names_none():
    assert score_choices(FIRST, 0) == ScoreChoices(seed=0)
    assert options_in_words(FIRST) == "" and options_in("") == {}


def test_options_come_back_from_an_address_as_they_were():
    changed = {**FIRST, "kappa": 2.5, "fenced": False, "cma": "attn", "facts_read": "known", "window_10": True}
    words = options_in_words(changed)
    assert words == "window_10:True,fenced:False,kappa:2.5,cma:attn,facts_read:known"
    assert {**FIRST, **options_in(words)} == changed
    choices = score_choices(changed, 3)
    assert (choices.seed, choices.kind, choices.window, choices.fences, choices.known) == (3, "attn", 10, None, "known")


@pytest.mark.parametrize(
    "words", ["kappa:-1", "kappa:many", "kappa:99", "loss:other", "window_10:perhaps", "cma", "unknown:1", ",,:"]
)
def test_what_is_no_option_leaves_it_as_at_first(words):
    assert {**FIRST, **options_in(words)} == FIRST


def test_an_option_goes_by_what_it_is_called_too():
    assert options_in("cma:attention,loss:answer alone") == {"cma": "attn", "loss": "answer"}
