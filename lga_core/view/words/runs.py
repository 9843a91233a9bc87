"""Stored runs in words."""

import math

from lga_core.results import ReplayReport
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
