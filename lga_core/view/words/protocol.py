"""How metrics are measured, in words: it stands beside every number (METHOD.md §5)."""

from lga_core.results import Answers, LeftOut
from lga_core.view.words.text import count

_COUNTS: dict[Answers, str] = {"first": "first accepted answer", "best": "best accepted answer"}


def protocol_words(answers: Answers) -> str:
    """The teacher-forced protocol, and which accepted answer of a probe counts."""
    return f"teacher-forced token accuracy, {_COUNTS[answers]}"


def edit_note(answers: Answers) -> str:
    """What the cards of one edit show."""
    return f"Percent, before → after the edit; n probes. {_large_and_below(answers)} No probe is left out."


def ledger_note() -> str:
    """What the cards of a ledger show."""
    return f"Percent, unedited model → now; means over the n facts of edits that are on. {_large_and_below('first')}"


def _large_and_below(answers: Answers) -> str:
    return f"Large: {protocol_words(answers)}. Below: free generation, exact prefix match."


def left_out_words(left_out: LeftOut, whole: str = "No probe is left out.") -> str:
    """Which probes were not asked: "Probes left out, over the cap on a group: portability Reasoning 144."

    `whole`: what is said where all were asked.
    """
    groups = [f"{metric} {group} {size:,}" for metric, sizes in left_out.items() for group, size in sizes.items()]
    if not groups:
        return whole
    total = sum(size for sizes in left_out.values() for size in sizes.values())
    return f"{count(total, 'probe')} left out, over the cap on a group: {', '.join(groups)}."
