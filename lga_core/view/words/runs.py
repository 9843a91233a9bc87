"""Stored runs in words: what a number was measured with, damaged rows, a replay, the recorded example."""

import math
from collections.abc import Mapping
from typing import Any

from lga_core.results import ReplayReport, Stored
from lga_core.view.words.sentences import duration
from lga_core.view.words.text import count


def lost_sentence(rows: int) -> str:
    """What it means that so many of a run's stored rows cannot be read."""
    are, they = ("is", "it is") if rows == 1 else ("are", "they are")
    return (
        f"{count(rows, 'stored row')} cannot be read and {are} left out: damaged, half written, or of another version. "
        f"The others stay. Ask the question again, and {they} computed anew."
    )


def replay_sentence(report: ReplayReport) -> str:
    """Whether the run came out equal, by how much it differs, and what counts as equal."""
    rows = f"{count(report.rows, 'row')} compared in {duration(report.cost.seconds)}"
    if report.outdated:
        rows += f", {count(report.outdated, 'row')} left out that an earlier version measured in another way"
    if not report.largest_difference and not report.differing_texts:
        return f"Identical to the last digit; {rows}."
    parts = [f"{'Equal' if report.equal else 'Not equal'}; {rows}."]
    if math.isinf(report.largest_difference):
        parts.append(f"Values are missing on one side ({report.where}).")
    elif report.largest_difference:
        parts.append(
            f"The largest difference of a number is {report.largest_difference:.2g} of its size ({report.where}); "
            f"up to {report.tolerance:g} counts as equal."
        )
    if report.differing_texts:
        parts.append(f"{count(report.differing_texts, 'other value')} (texts, counts, missing rows) not the same.")
    if report.machine != report.machine_now:
        parts.append(f"Stored on {report.machine}; computed again on {report.machine_now}.")
    return " ".join(parts)


def chat_words(template: str | None) -> str:
    """How prompts were put to the model, by the key of the chat template."""
    return "as they are" if template is None else f"in the chat template {template[:8]}"


def origin_rows(stored: Stored) -> dict[str, str]:
    """Where the answer is from, the question that it answers, and the versions of what computed it."""
    source = stored.provenance
    return {
        "answered": "from the store" if stored.from_store else "computed now" if stored.complete else "in part",
        "rows": f"{stored.rows}, {stored.reused} from the store",
        "model": source.model,
        "model fingerprint": source.model_fingerprint[:16],
        "prompts": chat_words(source.chat),
        "facts": source.facts,
        "facts fingerprint": source.facts_fingerprint[:16],
        "settings": ", ".join(f"{name} {value}" for name, value in settings_words(source.settings).items()) or "none",
        "version": str(source.method_version),
        "packages": ", ".join(f"{name} {version}" for name, version in source.packages.items()),
        "machine": source.machine,
        "created": source.created,
        "key": source.key[:16],
    }


# What None says of a setting that has another default.
_NONE_MEANS = {"probes": "all", "rephrases": "all", "diagnostics": "not measured"}


def settings_words(settings: Mapping[str, Any]) -> dict[str, str]:
    """Each recorded setting's value, those inside others under both names."""
    words: dict[str, str] = {}
    for name, value in settings.items():
        if isinstance(value, Mapping):
            words |= {f"{name} {inner}": of_it for inner, of_it in settings_words(value).items()}
        elif isinstance(value, list | tuple):
            words[name] = ", ".join(map(str, value))
        else:
            words[name] = _NONE_MEANS.get(name, "default") if value is None else str(value)
    return words


def recorded_sentence(model: str, machine: str, created: str, cores: int, torch: str, *, partly: bool) -> str:
    """What the recorded example is, when and on what it was measured. `machine` and `created` as a Provenance's.

    `partly`: the page shows numbers that were measured here, too.
    """
    device = machine.partition(",")[0]
    begin = "Part of what this page shows is a" if partly else "A"
    return (
        f"{begin} finished example of {model}, measured on {created[:10]} "
        f"({device}, {count(cores, 'core')}, torch {torch}). What you measure takes its place."
    )
