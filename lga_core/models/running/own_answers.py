"""What the unedited model answers by itself to probes for which the data names no answer."""

from lga_core.models.loaded import LoadedModel
from lga_core.models.running.generate import greedy
from lga_core.models.text.tokens import prompt_row
from lga_core.probes.questions import (
    BLANK,
    OWN_ANSWER_TOKENS,
    FactProbes,
    OwnAnswer,
    with_own_answers,
)


def answered(model: LoadedModel, probes: FactProbes) -> FactProbes:
    """Probes, each with its gold answer: the data's, or the model's own first 5 greedy tokens.

    Call it with no edit applied.
    """
    if not probes.without_gold:
        return probes
    rows = [prompt_row(model.asking, probe.prompt) for probe in probes.without_gold]
    with model.using("the model's own answers"):
        answers = greedy(model, rows, OWN_ANSWER_TOKENS)
    own = [OwnAnswer(ids=ids, text=model.tokenizer.decode(ids).strip() or BLANK) for ids in answers]
    return with_own_answers(probes, own)
