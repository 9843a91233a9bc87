"""What the unedited model answers by itself to probes for which the data names no answer."""

from collections.abc import Sequence

from lga_core.models.loaded import LoadedModel
from lga_core.models.running.batching import padded
from lga_core.models.running.generate import greedy
from lga_core.models.running.halving import Halving
from lga_core.models.running.memory import asking_bytes, batch_tokens
from lga_core.models.text.tokens import TokenRow, prompt_row
from lga_core.probes.questions import (
    BLANK,
    OWN_ANSWER_TOKENS,
    FactProbes,
    OwnAnswer,
    with_own_answers,
)
from lga_core.progress import Phase

TITLE = "The model's own answers"


def answered(model: LoadedModel, probes: FactProbes) -> FactProbes:
    """Probes, each with its gold answer: the data's, or the model's own first 5 greedy tokens.

    As many at once as fit in memory. Call it with no edit applied.
    """
    if not probes.without_gold:
        return probes
    rows = [prompt_row(model.asking, probe.prompt) for probe in probes.without_gold]
    halving = Halving(phase=Phase.PROBES, most=batch_tokens(model, TITLE, asking_bytes(model)))

    def write(part: Sequence[TokenRow]) -> list[tuple[int, ...]]:
        with model.using(TITLE):
            return greedy(model, part, OWN_ANSWER_TOKENS)

    answers = halving.run(write, rows, padded(lambda row: len(row) + OWN_ANSWER_TOKENS))
    own = [OwnAnswer(ids=ids, text=model.tokenizer.decode(ids).strip() or BLANK) for ids in answers]
    return with_own_answers(probes, own)
