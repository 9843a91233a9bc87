"""The doors to stored runs: a key, and a link."""

import random
from pathlib import Path

from attack.hostile import name, word

from lga_core.data.asked import MOST_LAYERS, parse_layers
from lga_core.errors import LgaError
from lga_core.runs.storage.bin import RunBin
from lga_core.runs.storage.index import RunIndex
from lga_core.runs.storage.store import Store
from pages._ui.runs.opening import linked_fact, linked_layers
from pages._ui.session.state import FACT, LAYERS, RUN


def run_key(chance: random.Random, folder: Path) -> None:
    store, key = Store(folder / "runs"), name(chance)
    done = []
    for call in (store.find, RunIndex(store).one, RunBin(store).delete, store.is_recorded, Store().find):
        try:
            done.append(call(key))
        except LgaError:
            continue
    assert not any(done)


def link(chance: random.Random, folder: Path) -> None:
    """What an address says beside the widgets that are bound to it."""
    numbers = ("3", "-1", "9" * 30, "1e3", "٣", " 4 ", "", "0x1")
    parts = [chance.choice(numbers) if chance.random() < 0.7 else word(chance) for _ in range(chance.randrange(6))]
    address = {LAYERS: ",".join(parts), FACT: chance.choice((*parts, word(chance))), RUN: name(chance)}
    layers, fact = linked_layers(address), linked_fact(address)
    assert all(0 <= layer < MOST_LAYERS for layer in layers) and layers == sorted(set(layers))
    assert fact is None or isinstance(fact, int)
    parse_layers(address[LAYERS])
