"""The traces of an average stand together in a list of runs; everything else, and what has a name, stands alone."""

from dataclasses import replace

import pytest
from conftest import make_fact, tiny_model

from lga_core.runs import tasks
from lga_core.runs.storage.index import RunIndex
from lga_core.runs.storage.store import Store
from lga_core.scores.settings import CmaSettings, GradientSettings
from lga_core.service.reading.run_groups import RunGroup, grouped

NAMES = ("Space Needle", "Eiffel Tower", "Toyota", "Angela Merkel")
FACTS = tuple(make_fact(n, f"The {name} is in", name, "Boston", None) for n, name in enumerate(NAMES))
SETTINGS = CmaSettings(draws=1)


@pytest.fixture(scope="module")
def model():
    return tiny_model("llama")


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "runs")


def traced(model, store, facts, kind="mlp", settings=SETTINGS):
    """The keys of their runs."""
    return {tasks.trace_fact(model, "four", fact, kind, settings, FACTS, store)[1].provenance.key for fact in facts}


def groups(store):
    """The keys that stand together, and those that stand alone."""
    listed = grouped(RunIndex(store).headers())
    together = [{header.key for header in item.headers} for item in listed if isinstance(item, RunGroup)]
    return together, {item.key for item in listed if not isinstance(item, RunGroup)}


def test_the_traces_of_one_set_kind_and_settings_are_one_item_and_others_are_not_in_it(model, store):
    scores = tasks.measure(model, "four", FACTS, "gradients", GradientSettings(), store)[1].provenance.key
    survey = {header.key for header in RunIndex(store).headers()} - {scores}
    mlp = traced(model, store, FACTS)
    attention = traced(model, store, FACTS[:2], "attn")
    more_draws = traced(model, store, FACTS[:1], settings=replace(SETTINGS, draws=2))
    together, alone = groups(store)
    assert len(together) == 2 and mlp in together and attention in together
    assert alone == {scores} | survey | more_draws
    listed = grouped(RunIndex(store).headers())
    flat = [header for item in listed for header in (item.headers if isinstance(item, RunGroup) else (item,))]
    assert {header.key for header in flat} == {header.key for header in RunIndex(store).headers()}
    assert len(flat) == len(RunIndex(store).headers()), "each once"


def test_a_run_that_has_a_name_stands_alone_and_so_does_the_last_that_is_left(model, store):
    keys = traced(model, store, FACTS[:3])
    first, second, _third = sorted(keys)
    assert groups(store)[0] == [keys]
    store.find(first).rename("Mine")
    together, alone = groups(store)
    assert together == [keys - {first}] and first in alone
    store.find(second).rename("Mine too")
    assert groups(store)[0] == []


def test_a_group_stands_where_its_first_run_does(model, store):
    traced(model, store, FACTS[:2])
    headers = RunIndex(store).headers()
    listed = grouped(headers)
    (group,) = (item for item in listed if isinstance(item, RunGroup))
    members = [header for header in headers if header in group.headers]
    assert list(group.headers) == members
    before = [header for header in headers[: headers.index(members[0])]]
    assert listed.index(group) == len(before)
