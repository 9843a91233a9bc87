"""A tiny GPT-2 that can be asked only some facts: few learned positions, and a token without an embedding."""

import dataclasses

from conftest import make_fact, tiny_network, train_tokenizer

from lga_core.data.facts import Fact
from lga_core.models.loaded import LoadedModel
from lga_core.models.structure.architecture import Architecture

POSITIONS = 32
VOCABULARY = 400  # of `tiny_network`
IMAGE = "<image>"  # the first token without an embedding
LONG = "The Space Needle is in Seattle and Paris is in France and so on, "
TOO_LONG = f"a text is longer than the model's {POSITIONS} positions"
UNREADABLE = f"the model has no embedding for the token '{IMAGE}'"
NO_TOKEN = "an answer adds no token to the prompt"


def few_positions() -> LoadedModel:
    """In float64, of three layers."""
    network = tiny_network("gpt2", layers=3, positions=POSITIONS).double()
    tokenizer = train_tokenizer(bos=False)
    tokenizer.add_tokens([f"more{number}" for number in range(VOCABULARY - len(tokenizer))])
    tokenizer.add_tokens([IMAGE], special_tokens=True)
    return LoadedModel(
        name="few-positions",
        model=network,
        tokenizer=tokenizer,
        architecture=Architecture.find(network),
        fingerprint="few-positions",
    )


def tokens(model: LoadedModel, text: str) -> int:
    return len(model.tokenizer(text)["input_ids"])


def prompt_of(model: LoadedModel, length: int) -> str:
    """A prompt about Paris of exactly so many tokens."""
    prompt = "Paris"
    while tokens(model, prompt) < length:
        prompt += " is"
    assert tokens(model, prompt) == length
    return prompt


def askable_facts() -> tuple[Fact, ...]:
    return (
        make_fact(0, "The Space Needle is in downtown", "Space Needle", "Boston", "Seattle"),
        make_fact(2, "The capital of France", "France", "Rome", "Paris"),
        make_fact(4, "LeBron James plays", "LeBron James", "tennis and football", None),
    )


def unreadable_facts() -> dict[str, list[Fact]]:
    """Facts of whose prompt the model cannot read all tokens, by the reason."""
    return {
        TOO_LONG: [make_fact(1, f"{LONG}{LONG}Angela Merkel was", "Angela Merkel", "Japan", "Germany")],
        UNREADABLE: [make_fact(3, f"An {IMAGE} of Paris is in", "Paris", "Rome", "France")],
    }


def refused_facts(model: LoadedModel) -> dict[str, list[Fact]]:
    """Facts that the model cannot be asked about, by the reason."""
    fact = make_fact(10, "Paris is in", "Paris", "Rome", "France")
    edge = prompt_of(model, POSITIONS - 2)
    nearly = make_fact(11, edge, "Paris", "Rome", "France")
    found = unreadable_facts()
    found[TOO_LONG] += [
        dataclasses.replace(nearly, record=11, target_new="Seattle and Boston"),
        dataclasses.replace(nearly, record=12, target_new="a", target_old=("a", "Seattle and Boston")),
        dataclasses.replace(nearly, record=13, target_new=None, target_old=("a",)),  # no room for its own answer
    ]
    found[UNREADABLE] += [
        dataclasses.replace(fact, record=14, target_new=f"an {IMAGE}"),
        dataclasses.replace(fact, record=15, target_old=("France", IMAGE)),
    ]
    found[NO_TOKEN] = [dataclasses.replace(fact, record=16, prompt="Paris is in ", target_old=("",))]
    return found
