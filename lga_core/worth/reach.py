"""At which layers an edit cannot act, told before anyone edits there. No model is run.

An editor that writes a value at the subject's last token changes the down projection's output there. The answer reads
that position through the attention of later blocks. After the last block there is none, so where the prompt goes on
behind the subject nothing of the edit reaches the answer. Elsewhere the forecast may expect no gain: its mean over
the facts (METHOD.md §7) is not above zero. Of an editor that acts at every position, as fine-tuning does, neither is
told: the forecast is of an edit at the subject's last token too.
"""

from collections.abc import Sequence

import numpy as np

from lga_core.data.facts import Fact
from lga_core.editing.table import EDITORS
from lga_core.results import FactRow, Obstacle
from lga_core.scores.forecast.gain import Terms, gain


def subject_ends_prompt(fact: Fact, *, chat: bool = False) -> bool:
    """Whether nothing but space follows the subject, so that its last token is the one that the answer follows.

    `chat`: the prompt is asked in a chat template, whose marks follow it.
    """
    return not chat and not fact.prompt[fact.span[1] :].strip()


def obstacles(
    layers: int,
    facts: Sequence[Fact],
    editor: str,
    forecast: Sequence[FactRow] = (),
    *,
    terms: Terms | None = None,
    chat: bool = False,
) -> dict[int, Obstacle]:
    """Layer -> why an edit there cannot act on most of `facts`; the other layers are not in it.

    `layers`: of the model. `forecast`: the forecast's rows of these facts, as far as they are measured. `terms`: of the
    gain, with the editor's norm bound; None for the defaults. `chat`: whether the facts are asked in a chat template.
    """
    if editor not in EDITORS or EDITORS[editor].solving is None:
        return {}  # fine-tuning acts at every position
    by_layer = {item.layer: item for item in _without_gain(forecast, terms or Terms())}
    cut_off = sum(not subject_ends_prompt(fact, chat=chat) for fact in facts)
    if 2 * cut_off > len(facts):
        by_layer[layers - 1] = Obstacle(layer=layers - 1, why="no path", facts=cut_off, of=len(facts))
    return dict(sorted(by_layer.items()))


def _without_gain(rows: Sequence[FactRow], terms: Terms) -> list[Obstacle]:
    used = [row for row in rows if row.used]
    if not used:
        return []
    gains = np.array([gain(row, terms) for row in used])  # (facts, layers)
    mean = gains.mean(0)
    return [
        Obstacle(layer=layer, why="no gain", facts=len(used), of=len(rows))
        for layer, value in enumerate(mean.tolist())
        if not value > 0  # NaN too: nothing is known to be gained
    ]
