"""Records through the readers of fact files."""

import json
from typing import Any

from uploading import read_facts

from lga_core.data.facts import Fact, FactSet


def read(*records: Any) -> FactSet:
    return read_facts("hand.json", json.dumps(records).encode(), ".json")


def one(record: dict[str, Any]) -> Fact:
    (fact,) = read(record).facts
    return fact
