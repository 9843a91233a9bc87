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
    names = {header.key: _group(header) for header in headers}
    together: dict[str, list[RunHeader]] = {}
    for header in headers:
        if (name := names[header.key]) is not None:
            together.setdefault(name, []).append(header)
    listed: list[RunHeader | RunGroup] = []
    for header in headers:
        name = names[header.key]
        alike = together[name] if name is not None else []
        if name is None or len(alike) == 1:
            listed.append(header)
        elif header is alike[0]:
            listed.append(RunGroup(name=name, headers=tuple(alike)))
    return listed


def _group(header: RunHeader) -> str | None:
    """What the runs of a group have in common; None for a run that stands alone."""
    asked = header.provenance
    if asked is None or header.kind.subject != "trace" or header.title is not None:
        return None
    same = (asked.model, asked.model_fingerprint, asked.chat, asked.facts, asked.method, asked.method_version)
    return json.dumps([*same, dict(asked.settings)], sort_keys=True)
