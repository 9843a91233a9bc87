"""What LGA, the causal trace and an edit have to do at one size: tokens, positions with logits, matrix entries."""

from collections.abc import Sequence

from lga_core.bench.scale.fit import Load
from lga_core.data.facts import Fact
from lga_core.editing.settings import RRomeSettings, ValueSettings
from lga_core.models.loaded import LoadedModel
from lga_core.models.text.chat import Asking
from lga_core.models.text.tokens import answer_row, prompt_row, subject_span
from lga_core.scores.settings import CmaSettings

# The identity for C: a C of its own would first be measured over 4·d_in tokens. Every step runs, whatever the loss.
EDIT = RRomeSettings(covariance="identity", value=ValueSettings(stop_loss=0.0))


def load_of(model: LoadedModel, facts: Sequence[Fact], method: str) -> Load:
    """What a method has to do on these facts."""
    tokens, heads = load_tokens(model.asking, facts, method, model.layers)
    return Load(
        layers=model.layers,
        width=model.architecture.hidden_size,
        tokens=tokens,
        heads=heads,
        entries=entries(model),
        vocabulary=model.architecture.vocabulary,
    )


def load_tokens(asking: Asking, facts: Sequence[Fact], method: str, layers: int) -> tuple[float, float]:
    """Tokens that run through all blocks (a suffix of the blocks counts its share), and positions with logits."""
    if method == "lga":
        answers = [
            answer_row(asking, fact.prompt, answer)
            for fact in facts
            for answer in (fact.target_old[0], fact.target_new)
        ]
        return sum(len(row) - 1 for row in answers), sum(len(row.answer) for row in answers)
    if method == "cma-mlp":
        draws = CmaSettings().draws
        tokens = sum(len(prompt_row(asking, fact.prompt)) for fact in facts)
        return tokens * (1 + draws + draws * (layers + 1) / 2), len(facts) * (1 + draws + draws * layers)
    rows = EDIT.value.steps * (EDIT.contexts + 2)  # the bare prompt, the prefixed ones and the KL prompt
    searched = 0  # columns from the subject's end on: those before are kept
    for fact in facts:
        first = subject_span(asking, fact.prompt, fact.span)[1] - 1
        searched += len(answer_row(asking, fact.prompt, fact.target_new)) - first
    return rows * searched * (layers - edited_layer(layers)) / layers, rows * len(facts)


def edited_layer(layers: int) -> int:
    """The middle one; never the last, through which no edit at the subject reaches the answer."""
    return (layers - 1) // 2


def entries(model: LoadedModel) -> int:
    """Matrix entries of a block."""
    block = model.architecture.blocks[0]
    return sum(matrix.d_in * matrix.d_out for matrix in block.linears)
