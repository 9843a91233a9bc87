"""What an average of causal traces says, and of which facts, in sentences."""

from collections.abc import Sequence

import numpy as np

from lga_core.results import AverageTrace
from lga_core.view.words.names import KIND_TITLES
from lga_core.view.words.text import capitalized, count, number

MOST_LISTED = 12  # records by number


def average_sentence(average: AverageTrace) -> str:
    """Where the subject's last token, at which editors of the ROME family write, has its largest mean effect."""
    place = average.positions.index("last subject token")
    layer = int(np.argmax(average.effect[place]))
    half = float(average.half_width[place, layer])
    interval = "" if np.isnan(half) else f" ± {number(half, 2)}"
    title = KIND_TITLES[average.kind]
    return (
        f"{capitalized(title)}: at the last subject token the mean effect is largest at layer {layer}, "
        f"{number(float(average.effect[place, layer]), 3)}{interval} (n {average.n[place]}), of a mean total effect of "
        f"{number(average.total_effect, 3)}."
    )


def averaged_facts_sentence(average: AverageTrace) -> str:
    """Which facts are not in it and why, which were traced for the model's own token, and whether they are few."""
    parts = [
        f"Left out, {reason}: {count(len(records), 'fact')} ({_listed(records)})."
        for reason, records in average.left_out.items()
    ]
    if average.own_answers:
        parts.append(
            f"Traced for the model’s own first token, without an old answer: {count(len(average.own_answers), 'fact')} "
            f"({_listed(average.own_answers)})."
        )
    if average.caution is not None:
        parts.append(f"{capitalized(average.caution)}.")
    return " ".join(parts)


def _listed(records: Sequence[int]) -> str:
    """By their numbers in the file."""
    shown = ", ".join(map(str, records[:MOST_LISTED]))
    more = f" and {len(records) - MOST_LISTED} more" if len(records) > MOST_LISTED else ""
    return f"record{'' if len(records) == 1 else 's'} {shown}{more}"
