"""What a stored run recorded: its settings, and its facts, kept beside the runs or found again in the shipped sets."""

from collections.abc import Collection, Mapping
from dataclasses import fields
from typing import Any

from lga_core.data.facts import Fact, facts_fingerprint
from lga_core.data.load import load_facts, shipped_sets
from lga_core.errors import LgaError
from lga_core.results.base import adapter
from lga_core.runs.storage.store import Run


def facts_of_run(run: Run, rows: Collection[str]) -> tuple[Fact, ...]:
    """The facts of a run: all that it asked about, in order, where that is kept; else those of its rows.

    `rows`: the names of its rows. Raises LgaError where a fact is neither kept nor in a shipped set.
    """
    asked = run.store.facts.ordered(run.provenance.facts_fingerprint)
    if asked:
        return asked
    names = list(dict.fromkeys(name.partition("/")[0] for name in rows))
    facts = run.store.facts.named(names)
    if len(facts) < len(names):
        facts = {**_shipped(run.provenance.facts), **facts}
    if not facts.keys() >= set(names):
        raise not_recorded(run)
    return tuple(facts[name] for name in names)


def facts_of_trace(run: Run) -> tuple[Fact, ...]:
    """The facts over which a trace measured its noise. Raises LgaError where they were not kept."""
    facts = run.store.facts.ordered(run.provenance.settings["noise_facts"])
    if facts is None:
        raise not_recorded(run)
    return facts


def question_facts(run: Run, rows: Collection[str]) -> tuple[Fact, ...] | None:
    """The facts of the question in its order; None where they are not known, or not all of them."""
    try:
        facts = facts_of_run(run, rows)
    except LgaError:
        return None
    wanted = run.provenance.facts_fingerprint
    return facts if wanted in (facts_fingerprint(facts), facts_fingerprint(())) else None


def recorded_settings(kind: type, recorded: Mapping[str, Any]) -> Any:
    """A settings class's values among those that a run recorded; defaults for others."""
    names = {item.name for item in fields(kind)}
    return adapter(kind).validate_python({name: value for name, value in recorded.items() if name in names})


def _shipped(name: str) -> dict[str, Fact]:
    """The facts of the shipped set of that name; of all where it has another name."""
    names = [name] if name in shipped_sets() else list(shipped_sets())
    return {fact.fingerprint: fact for each in names for fact in load_facts(each).facts}


def not_recorded(run: Run) -> LgaError:
    """Of a run whose facts no set at hand has."""
    return LgaError(
        f"The run does not record its facts: an earlier version stored it, and no set at hand has them "
        f"({run.provenance.facts}).",
        hint="Load that set and ask its question again; what is stored is shown at once.",
    )
