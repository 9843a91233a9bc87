"""What README.md and docs/ say of the code and of kept results is what these say today; links lead somewhere."""

import re

import pytest
import typer
from models.families import EXPERT_FAMILIES, FAMILIES
from readme import BLOCKS, README, ROOT, families, marks, put_into, study

from lga_core.cli.table import commands
from lga_core.runs.shipped.study_units import kept_units

DOCUMENTS = (README, ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").glob("*.md")))
GENERATED = [(document, name) for document, blocks in BLOCKS.items() for name in blocks]
LINK = re.compile(r"\]\(([^)#\s]+)(?:#([^)\s]+))?\)")
SECTION = re.compile(r"METHOD(?:\.md)? §(\d+)")
COMMAND = re.compile(r"^python -m lga_core (\w+)", re.MULTILINE)
ASKED = re.compile(r"python -m lga_core (\w+)([^\n`]*)")
OPTION = re.compile(r"--[a-z][a-z-]*")
CODE_PATH = re.compile(r"`((?:lga_core|pages|tests|assets|docs)/[\w./-]*|app\.py|tests/[\w./]+)`")


@pytest.mark.parametrize(("document", "name"), GENERATED, ids=[name for _document, name in GENERATED])
def test_generated_blocks_are_of_today(document, name):
    text = document.read_text(encoding="utf-8")
    assert [text.count(mark) for mark in marks(name)] == [1, 1]
    assert put_into(text, name, BLOCKS[document][name]()) == text, "run: python tests/readme.py"


def test_the_readme_is_short():
    assert len(README.read_text(encoding="utf-8").splitlines()) <= 180


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_links_and_paths_lead_somewhere(document):
    text = document.read_text(encoding="utf-8")
    files = [target for target, _anchor in LINK.findall(text) if "://" not in target]
    assert not [target for target in files if not (document.parent / target).exists()]
    assert not [path for path in CODE_PATH.findall(text) if not (ROOT / path).exists()]


def test_the_sections_that_the_code_names_are_there():
    method = (ROOT / "docs" / "METHOD.md").read_text(encoding="utf-8")
    sections = set(re.findall(r"^## (\d+)\.", method, re.MULTILINE))
    sources = [path for room in ("lga_core", "pages", "tests") for path in (ROOT / room).rglob("*.py")]
    named = {number for path in sources for number in SECTION.findall(path.read_text(encoding="utf-8"))}
    assert named and named <= sections


def test_the_readme_names_every_command():
    named = set(COMMAND.findall(README.read_text(encoding="utf-8")))
    assert named == {command.name for command in commands.registered_commands}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_option_that_a_document_gives_a_command_is_one_of_it(document):
    made = typer.main.get_command(commands).commands
    lines = ASKED.findall(document.read_text(encoding="utf-8"))
    asked = {(name, option) for name, rest in lines for option in OPTION.findall(rest)}
    offered = {(name, option) for name, command in made.items() for item in command.params for option in item.opts}
    assert asked <= offered, asked - offered
    assert asked or document != README


def test_every_family_has_its_row():
    for family in FAMILIES:
        assert f"| {family.title} | {family.note} |" in families()
    assert all(family.title in families().splitlines()[-2] for family in EXPERT_FAMILIES)


def test_the_families_that_are_asked_for_are_there():
    wanted = (
        "GPT-2",
        "GPT-J",
        "GPT-NeoX",
        "Pythia",
        "OPT",
        "BLOOM",
        "Falcon",
        "Phi",
        "Llama",
        "Mistral",
        "Qwen 2",
        "2.5",
        "Qwen 3",
        "Gemma 2",
        "Gemma 3, text",
        "multimodal",
        "OLMo 2",
    )
    assert not [name for name in wanted if name not in families()]


def test_every_kept_unit_of_the_study_has_its_table():
    assert study().count("| selector |") == len(kept_units())


def test_what_stands_around_a_block_stays():
    begin, end = marks("families")
    text = f"above\n{begin}\nold\n{end}\nbelow\n"
    assert put_into(text, "families", "new") == f"above\n{begin}\nnew\n{end}\nbelow\n"
