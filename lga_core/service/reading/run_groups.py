"""Stored runs as a list shows them: the traces that an average is made of, each a run of its own, stand together."""

import json
from collections.abc import Sequence
from dataclasses import dataclass

from lga_core.runs.storage.index import RunHeader


@dataclass(frozen=True, kw_only=True)
class RunGroup:
    """Causal traces of one kind, each of one fact: of the same model, set and settings."""

    name: str  # tells it from other groups
    headers: tuple[RunHeader, ...]  # two or more, in the order in which they were given


def grouped(headers: Sequence[RunHeader]) -> list[RunHeader | RunGroup]:
    """The runs in their order, a group in the place of its first one. One that a user gave a name stands alone."""
    together: dict[str, list[RunHeader]] = {}  # in the order of the first of each
    for header in headers:
        together.setdefault(_group(header), []).append(header)
    return [
        alike[0] if len(alike) == 1 else RunGroup(name=name, headers=tuple(alike)) for name, alike in together.items()
    ]


def _group(header: RunHeader) -> str:
    """What the runs of a group have in common; its key for a run that stands alone."""
    asked = header.provenance
    if asked is None or header.kind.subject != "trace" or header.title is not None:
        return header.key
    same = (asked.model, asked.model_fingerprint, asked.chat, asked.facts, asked.method, asked.method_version)
    return json.dumps([*same, dict(asked.settings)], sort_keys=True)
