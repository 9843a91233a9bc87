"""What README.md says of the code and of kept results is what they say today."""

import pytest
from models.families import EXPERT_FAMILIES, FAMILIES
from readme import BLOCKS, README, families, marks, put_into, study

from lga_core.runs.study import kept_units


@pytest.mark.parametrize("name", BLOCKS)
def test_the_readme_is_of_today(name):
    told = README.read_text(encoding="utf-8")
    assert [told.count(mark) for mark in marks(name)] == [1, 1]
    assert put_into(told, name) == told, "run: python tests/readme.py"


def test_every_family_has_its_row():
    for family in FAMILIES:
        assert f"| {family.title} | {family.note} |" in families()
    assert all(family.title in families().splitlines()[-2] for family in EXPERT_FAMILIES)


def test_the_families_that_are_asked_for_are_there():
    wanted = ("GPT-2", "GPT-J", "GPT-NeoX", "Pythia", "OPT", "BLOOM", "Falcon", "Phi", "Llama", "Mistral", "Qwen 2",
              "2.5", "Qwen 3", "Gemma 2", "Gemma 3, text", "multimodal", "OLMo 2")
    assert not [name for name in wanted if name not in families()]


def test_every_kept_unit_of_the_study_has_its_table():
    assert study().count("| selector |") == len(kept_units())


def test_what_stands_around_a_block_stays():
    begin, end = marks("families")
    text = f"above\n{begin}\nold\n{end}\nbelow\n"
    assert put_into(text, "families") == f"above\n{begin}\n{families()}\n{end}\nbelow\n"
