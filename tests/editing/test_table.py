"""The table of editors: every row has an implementation, and what an editor cannot write is refused beforehand."""

import pytest
from conftest import tiny_model

from lga_core.editing.editors.editor import KeyValue
from lga_core.editing.table import EDITORS, editor_named, groups
from lga_core.errors import LgaError
from lga_core.settings import Settings


@pytest.mark.parametrize("name", EDITORS)
def test_every_row_names_what_is_there(name):
    editor = editor_named(name)
    assert editor.name == name and issubclass(editor.settings, Settings) and callable(editor.run)
    assert isinstance(editor.key_value, KeyValue) == hasattr(editor.settings(), "value")
    assert editor.key_value is not None or callable(editor.each_alone)


def test_another_name_is_refused_with_those_there_are():
    with pytest.raises(LgaError, match=r"no editor 'mend'.*r-rome.*ft-m"):
        editor_named("mend")


@pytest.mark.parametrize(
    ("name", "count", "layers", "words"),
    [
        ("rome", 0, [1], "No fact"),
        ("rome", 2, [1], "one fact at a time"),
        ("rome", 1, [], "No layer"),
        ("rome", 1, [0, 4], "has no layer 4.*from 0 to 3"),
        ("rome", 1, [-1], "has no layer -1"),
        ("emmet", 2, [1, 1], "named twice"),
    ],
)
def test_a_choice_is_checked_without_the_model(name, count, layers, words, facts):
    with pytest.raises(LgaError, match=words):
        editor_named(name).check_choice(facts[:count], layers, 4, "tiny")
    with pytest.raises(LgaError, match=words):
        editor_named(name).check(tiny_model("llama"), facts[:count], layers)


def test_facts_are_grouped_by_computation(facts):
    assert groups(facts[:2], "sequential") == [(facts[0],), (facts[1],)]
    assert groups(facts[:2], "batch") == [facts[:2]]
    assert groups((), "sequential") == groups((), "batch") == [()]
