"""What each chart of the pages shows, in a sentence, and what would change one's mind about what it seems to say."""

from collections.abc import Mapping

from lga_core.results import EditReport

_HEAT_DOUBT = "a few rows make up the pick’s total, or the other scores point elsewhere"
# By the chart's key, or what its page calls it in another form: what it shows, and the "if" of a second thought.
_CHARTS: Mapping[str, tuple[str, str]] = {
    "heat": (
        "What each score says of every fact at every layer, and below it their totals by layer.",
        _HEAT_DOUBT,
    ),
    "heat_totals": ("Each score’s total by layer.", _HEAT_DOUBT),
    "pick_shares": (
        "How often each layer is the pick when the facts are drawn again.",
        "no bar stands out: these facts then do not settle on a layer",
    ),
    "trace_hidden": (
        "How much of the answer’s probability comes back when one token’s hidden state is restored after one layer.",
        "the total effect is close to zero: there is then next to nothing to bring back",
    ),
    "trace_mlp": (
        "How much comes back when a token’s MLP outputs around a layer are restored; ROME looks for a fact’s place at "
        "the subject’s last token.",
        "no cell of that token stands out",
    ),
    "trace_attn": (
        "How much comes back when a token’s attention outputs around a layer are restored; they carry the answer to "
        "the prompt’s end.",
        "the bright cells lie elsewhere than at the last token",
    ),
    "trace_estimate": (
        "How much would come back by attribution patching: an estimate to first order, nothing was restored.",
        "the measured trace has its bright cells elsewhere",
    ),
    "average_hidden": (
        "The mean effect over facts of restoring the hidden state after one layer, at six kinds of token.",
        "the interval of a bright cell, on hover, reaches down to its neighbours’ values",
    ),
    "average_mlp": (
        "The mean effect over facts of restoring MLP outputs around a layer; ROME finds a peak at the subject’s last "
        "token in middle layers.",
        "that row has no peak, or intervals as wide as the peak is high: CMA’s pick then hangs on a few facts",
    ),
    "average_attn": (
        "The mean effect over facts of restoring attention outputs around a layer; ROME finds it at the last token in "
        "late layers.",
        "the row of the last subject token is as bright, or few facts have tokens after the subject",
    ),
    "attribution": (
        "What each token of the prompt adds to log p of the old and of the new answer.",
        "the subject’s tokens add next to nothing: the rest of the prompt then carries the answer",
    ),
    "every_layer_figure": (
        "The metrics after this edit at each layer alone, above the scores that could have named the layer.",
        "the best layer leads by a probe or two, or another fact has its best layer elsewhere",
    ),
    "loss_curve": (
        "The loss at each step of the search for what to write.",
        "it is still high at the last step: a poor edit then speaks against the search, not against the layer",
    ),
    "loss_training": (
        "The loss of the new answer at each step of the training.",
        "it is still high at the last step: a poor edit then speaks against the training, not against the layer",
    ),
    "ledger_history": (
        "One metric of each fact after each change of the ledger.",
        "earlier rows get worse as later edits come: those edits then disturb each other",
    ),
    "many_edits_curves": (
        "How all facts written so far fare, and what the edits did to the model beside them, by the number of edits.",
        "the facts asked at each point differ in kind: a dip may be of those that were just added",
    ),
    "sweep_heat": (
        "What editing measured at every layer, as means and by fact, with the layers that the selectors picked.",
        "the means are flat around the best layer, or few facts judge it",
    ),
    "sweep_regret": (
        "What each selector’s pick loses, over the time that finding it took; low and left is good.",
        "the intervals reach over each other: these facts then do not tell the selectors apart",
    ),
    "study_size": (
        "What the picks lose on held-out facts, by the number of proxy facts that they were made from.",
        "the curves run together, or still fall at the right: more facts could then change the order",
    ),
    "sweep_best": (
        "For how many facts each layer is the best one; where layers tie, they share the fact.",
        "the bars are spread wide: one layer for all facts then gives something away",
    ),
    "compared": (
        "The values of two runs by layer.",
        "the two put the layers in another order: the pick then depends on what differs between them",
    ),
    "lens": (
        "The most probable next token after each layer, as if the model ended there; bold where the edit changed it.",
        "nothing changes above the edited layer: the edit then does not reach this prompt",
    ),
}


def loss_chart(report: EditReport) -> str:
    """The key of a trial's curve: of the search for what to write, or of a fine-tuning, which searches nothing."""
    return "loss_curve" if report.target_error is not None else "loss_training"


def chart_sentence(key: str) -> str:
    """What the chart of this key shows, and when to think again."""
    shows, doubt = _CHARTS[key]
    return f"{shows} Think again if {doubt}."
