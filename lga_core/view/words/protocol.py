"""How metrics are measured, in words: it stands beside every number (METHOD.md §5)."""

from lga_core.results import Answers, LeftOut
from lga_core.view.words.text import count

_COUNTS: dict[Answers, str] = {"first": "first accepted answer", "best": "best accepted answer"}


def protocol_words(answers: Answers) -> str:
    """The teacher-forced protocol, and which accepted answer of a probe counts."""
    return f"teacher-forced token accuracy, {_COUNTS[answers]}"


def edit_note(answers: Answers, dropped_locality: int | None) -> str:
    """What the cards of one edit show; `dropped_locality` as in `not_asked_words`."""
    not_asked = not_asked_words({}, dropped_locality)
    return f"Percent, before → after the edit; n probes. {_large_and_below(answers)} {not_asked}"


def ledger_note(dropped_locality: int | None) -> str:
    """What the cards of a ledger show; `dropped_locality` as in `not_asked_words`."""
    means = "Percent, unedited model → now; means over the n facts of edits that are on."
    return f"{means} {_large_and_below('first')} {not_asked_words({}, dropped_locality)}"


def _large_and_below(answers: Answers) -> str:
    return f"Large: {protocol_words(answers)}. Below: free generation, exact prefix match."


def not_asked_words(left_out: LeftOut, dropped_locality: int | None, cap: str = "cap on a group") -> str:
    """Which probes a cap left out, and how many locality probes are never asked: a good edit changes their answer.

    Nothing is said of the latter where their number is not known.
    """
    groups = [
        f"{metric if group == metric else f'{metric} {group}'} {size:,}"
        for metric, sizes in left_out.items()
        for group, size in sizes.items()
    ]
    words = "No cap leaves a probe out."
    if groups:
        total = sum(size for sizes in left_out.values() for size in sizes.values())
        words = f"{count(total, 'probe')} left out, over the {cap}: {', '.join(groups)}."
    if dropped_locality is None:
        return words
    if not dropped_locality:
        return f"{words} No locality probe expects the new answer."
    return f"{words} {count(dropped_locality, 'locality probe')} dropped: the new answer is the one expected."
