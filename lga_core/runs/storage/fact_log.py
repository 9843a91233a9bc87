"""The facts that runs are about, kept by content, so that a run can be opened and computed again without their file."""

from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from typing import Any

from lga_core.data.facts import Fact, facts_fingerprint
from lga_core.results import FactList
from lga_core.runs.storage.row_file import append_rows, read_rows, unusable


class FactLog:
    """Facts and lists of them in a folder of the store. `writing` is the store's lock."""

    def __init__(self, folder: Path, writing: Callable[[], AbstractContextManager[None]]) -> None:
        self._folder = folder
        self._writing = writing

    def keep(self, facts: Sequence[Fact]) -> None:
        """Keep these facts and their order. Raises LgaError where they cannot be written."""
        fingerprint = facts_fingerprint(facts)
        have = self._facts()
        missing = {fact.fingerprint: fact for fact in facts if fact.fingerprint not in have}
        if missing:
            self._append("facts.jsonl", missing)
        if fingerprint not in self._lists():
            entry = FactList(facts=tuple((fact.record, fact.fingerprint) for fact in facts))
            self._append("lists.jsonl", {fingerprint: entry})

    def ordered(self, fingerprint: str) -> tuple[Fact, ...] | None:
        """The facts of this list (`facts_fingerprint`), in order; None where they were not kept."""
        entry = self._lists().get(fingerprint)
        have = self._facts()
        if entry is None or any(name not in have for _record, name in entry.facts):
            return None
        return tuple(replace(have[name], record=record) for record, name in entry.facts)

    def single(self, fingerprints: Iterable[str]) -> dict[str, Fact]:
        """The fact of each of these lists (`facts_fingerprint`) that was kept and is of one fact."""
        lists, have = self._lists(), self._facts()
        wanted = {name: lists[name].facts for name in fingerprints if name in lists}
        return {
            name: replace(have[facts[0][1]], record=facts[0][0])
            for name, facts in wanted.items()
            if len(facts) == 1 and facts[0][1] in have
        }

    def named(self, fingerprints: Iterable[str]) -> dict[str, Fact]:
        """Those of these facts that were kept, by fingerprint."""
        have = self._facts()
        return {name: have[name] for name in fingerprints if name in have}

    def _facts(self) -> dict[str, Fact]:
        return read_rows(self._folder / "facts.jsonl", Fact)

    def _lists(self) -> dict[str, FactList]:
        return read_rows(self._folder / "lists.jsonl", FactList)

    def _append(self, name: str, rows: dict[str, Any]) -> None:
        with self._writing():
            try:
                self._folder.mkdir(exist_ok=True)
                append_rows(self._folder / name, rows)
            except OSError as error:
                raise unusable(self._folder, error) from error
