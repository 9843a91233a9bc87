"""What every reader hands over: one record's fields in one shape, before anything about them is judged.

Readers take values out of a record with the helpers here, so that odd types, stray spaces and oversized
fields meet the same treatment in every format.
"""

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from lga_core.data.facts import Action, Probe, Problem
from lga_core.paths import shown_name

MAX_FIELD_CHARACTERS = 10_000
MAX_ENTRIES = 1_000  # probes of a metric, and answers with their aliases, of one record
MAX_NOTES = 100  # of one record


class Unusable(Exception):
    """A value that cannot be used, in words. Whoever catches it decides what is lost: a probe or the record."""


@dataclass(frozen=True, kw_only=True)
class Draft:
    """One record as read. An empty string stands for a field that the record does not have."""

    prompt: str
    subject: str
    target_new: str = ""
    target_old: tuple[str, ...] = ()
    rephrases: tuple[str, ...] = ()
    locality: tuple[Probe, ...] = ()
    portability: tuple[Probe, ...] = ()
    relation: str = ""


@dataclass(frozen=True)
class Notes:
    """Collects one record's problems, in the order in which they are met; those beyond `most` are only counted."""

    record: int
    most: int = MAX_NOTES
    _listed: list[Problem] = field(default_factory=list)
    _more: Counter[Action] = field(default_factory=Counter)

    def add(self, problem: str | Unusable, action: Action = "kept") -> None:
        if len(self._listed) < self.most:
            self._listed.append(Problem(record=self.record, problem=sentence(problem), action=action))
        else:
            self._more[action] += 1

    @property
    def problems(self) -> list[Problem]:
        """The problems, and how many more there were of each kind."""
        more = (
            Problem(record=self.record, problem=f"More notes that are not listed: {number:,}.", action=action)
            for action, number in self._more.items()
        )
        return [*self._listed, *more]

    @contextmanager
    def dropping_probes(self) -> Iterator[None]:
        """Note what is Unusable inside as a dropped probe, and go on behind it."""
        try:
            yield
        except Unusable as unusable:
            self.add(unusable, "probe dropped")


def is_missing(value: Any) -> bool:
    """Whether a field is not there: null, or the NaN that pandas writes for an empty cell."""
    return value is None or (isinstance(value, float) and math.isnan(value))


def text(value: Any, name: str, notes: Notes) -> str:
    """A field's text without surrounding spaces; "" where it is missing.

    Raises Unusable for what is no text or too long.
    """
    if is_missing(value):
        return ""
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)  # years and numbers are often written bare
    if not isinstance(value, str):
        raise Unusable(f"{name} is {_kind(value)} where text was expected.")
    if len(value) > MAX_FIELD_CHARACTERS:
        raise Unusable(f"{name} has {len(value):,} characters; the limit is {MAX_FIELD_CHARACTERS:,}.")
    if has_half_characters(value):
        raise Unusable(f"{name} holds half a character (a lone surrogate); write it as plain UTF-8.")
    stripped = value.strip()
    if stripped != value and stripped:
        notes.add(f"Stray spaces around {name} were removed.")
    return stripped


def label(value: Any, name: str, notes: Notes) -> str:
    """The text of a field that nothing measures: what cannot be read is noted and costs nothing else."""
    try:
        return text(value, name, notes)
    except Unusable as unusable:
        notes.add(f"{unusable} It is left out.")
        return ""


def texts(value: Any, name: str, notes: Notes) -> tuple[str, ...]:
    """The texts of a string, a list of strings or a list of alias lists, flat and in order."""
    return tuple(alias for answer in answer_lists(value, name, notes) for alias in answer)


def answer_lists(value: Any, name: str, notes: Notes) -> tuple[tuple[str, ...], ...]:
    """Accepted answers, each with its aliases, from any of KnowEdit's three spellings.

    "a" -> (("a",),)    ["a", "b"] -> (("a",), ("b",))    [["a", "alias"], ["b"]] -> (("a", "alias"), ("b",))
    Empty texts and empty alias lists carry no answer: beside others they are left out with a note. Raises Unusable
    beyond MAX_ENTRIES.
    """
    lists = [item if isinstance(item, list) else [item] for item in (value if isinstance(value, list) else [value])]
    check_few(max(len(lists), sum(map(len, lists))), name)
    answers = [tuple(filter(None, [text(alias, name, notes) for alias in aliases])) for aliases in lists]
    kept = tuple(filter(None, answers))
    if 0 < len(kept) < len(answers):
        notes.add(f"{name} has an empty entry beside others; it was left out.")
    return kept


def check_few(entries: int, name: str) -> None:
    """Raise Unusable for a field with more entries than MAX_ENTRIES."""
    if entries > MAX_ENTRIES:
        raise Unusable(f"{name} has {entries:,} entries; the limit is {MAX_ENTRIES:,}.")


def probes(groups: Any, metric: str, notes: Notes) -> tuple[Probe, ...]:
    """KnowEdit's {group: [{prompt, ground_truth}]} as probes; what cannot be read is noted as dropped."""
    if is_missing(groups):
        return ()
    if not isinstance(groups, Mapping):
        notes.add(f"{metric} is {_kind(groups)} where {{group: [probes]}} was expected.", "probe dropped")
        return ()
    given = sum(len(entries) for entries in groups.values() if isinstance(entries, list))
    if given > MAX_ENTRIES:
        notes.add(f"{metric} has {given:,} probes; only the first {MAX_ENTRIES:,} are read.", "probe dropped")
    readable = tuple(_readable(islice(_entries(groups, metric, notes), MAX_ENTRIES), metric, notes))
    if not any(groups.values()):
        notes.add(f"{metric} is empty: that metric is n/a for this fact.")
    return readable


def _entries(groups: Mapping, metric: str, notes: Notes) -> Iterator[tuple[str, Any]]:
    for key, entries in groups.items():
        try:
            group = text(key, f"a group of {metric}", notes)
        except Unusable as unusable:
            notes.add(unusable, "probe dropped")
            continue
        if is_missing(entries):  # data set tables fill in the groups that other rows have
            continue
        if not isinstance(entries, list):
            notes.add(f"{metric} {group} is {_kind(entries)} where a list of probes was expected.", "probe dropped")
            continue
        yield from ((group, entry) for entry in entries)


def _readable(entries: Iterable[tuple[str, Any]], metric: str, notes: Notes) -> Iterator[Probe]:
    for group, entry in entries:
        with notes.dropping_probes():
            if not isinstance(entry, Mapping):
                raise Unusable(
                    f"a {metric} probe ({group}) is {_kind(entry)} where {{prompt, ground_truth}} was expected."
                )
            yield probe(entry.get("prompt"), entry.get("ground_truth"), group, metric, notes)


def probe(prompt: Any, ground_truth: Any, group: str, metric: str, notes: Notes) -> Probe:
    """One probe. Raises Unusable where it has no prompt or a value is no text."""
    name = f"a {metric} probe ({group})"
    asked = text(prompt, f"the prompt of {name}", notes)
    if not asked:
        raise Unusable(f"{name} has no prompt.")
    return Probe(prompt=asked, answers=answer_lists(ground_truth, f"the answer of {name}", notes), group=group)


def one_probe(prompt: Any, ground_truth: Any, group: str, metric: str, notes: Notes) -> tuple[Probe, ...]:
    """A record's only probe, () where it is missing; one that cannot be read is noted as dropped."""
    if not is_missing(prompt):
        with notes.dropping_probes():
            return (probe(prompt, ground_truth, group, metric, notes),)
    return ()


def recalled_probe(entry: Any, notes: Notes) -> tuple[Probe, ...]:
    """CounterFact's and MEND's added {"Recalled Relation", "New Question", "New Answer"}: one consequence asked for."""
    if is_missing(entry):
        return ()
    with notes.dropping_probes():
        if not isinstance(entry, Mapping):
            raise Unusable("portability is not an object with New Question and New Answer.")
        return (probe(entry.get("New Question"), entry.get("New Answer"), "Reasoning", "portability", notes),)
    return ()


def quoted(words: str, limit: int = 80) -> str:
    """Words in quotation marks, cut to `limit` characters."""
    return f"“{words}”" if len(words) <= limit else f"“{words[: limit - 1]}…”"


def sentence(problem: object) -> str:
    """The problem's words with a capital letter in front, in characters that can be shown and written."""
    words = shown_name(str(problem))
    return words[:1].upper() + words[1:]


def has_half_characters(words: str) -> bool:
    """Whether there are lone surrogates in it: JSON can hold them, no file and no page can."""
    return any("\ud800" <= character <= "\udfff" for character in words)


def _kind(value: Any) -> str:
    names = {
        dict: "an object",
        list: "a list",
        bool: "true or false",
        float: "a decimal number",
        str: "text",
        int: "a number",
        type(None): "null",
    }
    return names.get(type(value), type(value).__name__)
