"""What the numbers on the pages are, a sentence each: one table for the cards and the columns of all pages."""

from collections.abc import Iterable, Mapping

_PICK = "The layer that comes first by this score’s totals over the facts"
_REGRET = (
    "Points of Overall that the picked layer lies below the best layer. On held-out facts the best layer is named on "
    "one half of them and measured on the other."
)
_SECONDS = "Seconds that the measurement took when it was made."
_EARLIER_ROWS = "Those of sweeps and races up to 1 December 2026 are counted about twice too many."
# Names as the pages write them, in small letters, without what follows a comma (", n 4", ", %").
_DEFINITIONS: Mapping[str, str] = {
    # metrics of an edit
    "rewrite": "The edited prompt itself gets the new answer: percent of its tokens that are the most probable ones.",
    "rephrase": "Paraphrases of the prompt get the new answer: percent of its tokens that are the most probable ones.",
    "locality": "What should stay stays: percent of answer tokens on unrelated prompts that are as before the edit.",
    "portability": "What follows from the new fact follows: percent of tokens of the right answer to such prompts.",
    "overall": "Arithmetic mean of those of rewrite, rephrase, locality and portability that there are.",
    "harmonic mean": "Of the metrics’ means: ROME’s score. One bad metric pulls it down.",
    "fluency": "100 · (H₂ + 2·H₃)/3 of a text of 100 tokens that goes on from the prompt, H_n the entropy of its word "
    "n-grams in bits; it falls where the text repeats itself.",
    "forced %": "Teacher-forced: percent of the expected answer’s tokens that are the most probable ones, each "
    "given those before it.",
    "free": "Free generation: whether the text that the model writes begins with the expected answer.",
    "target error": "‖W′k − v*‖ / ‖v*‖: how far what is written at the key is from what was to be written. n/a: the "
    "editor has no v*.",
    "‖δw‖": "Frobenius norm of the change of the weight matrix.",
    "‖δw‖ / ‖w‖": "The change’s Frobenius norm over that of the weights.",
    "clamped": "Whether v* reached the bound on its norm.",
    "steps": "Updates in the search for v*, or of the training.",
    "last loss": "At the end of the search or training, in nats: mean −log p of the new answer’s tokens; for FT-L of "
    "all of them at the prompt’s last position.",
    "drift, mean kl": "KL(before ‖ after) of the next token after neutral prompts, their mean. n/a: not finite.",
    "drift, largest kl": "KL(before ‖ after) of the next token after neutral prompts, the largest. n/a: not finite.",
    # layers and their scores
    "golden layer": f"{_PICK}: LGA’s pick. A measurement, not the truth.",
    "cma’s pick": f"{_PICK}: the causal trace’s, at the last subject token.",
    "forecast": "The layer at which an edit is expected, to first order, to gain most.",
    "pick": f"{_PICK}.",
    "layer": "Block of the model, counted from 0.",
    "next": "The layers that rank behind the pick.",
    "firm": "Share of draws of the facts, with replacement, in which this layer is the pick.",
    "picked in": "Share of draws of the facts, with replacement, in which this layer is the pick.",
    "95 % of picks": "Layers that are the pick when the facts are drawn again.",
    "agreement": "Spearman’s rank correlation of LGA’s and CMA’s totals over layers: 1 is the same order.",
    "ρ with lga": "Spearman’s rank correlation with LGA’s totals over layers: 1 is the same order.",
    "ρ with the one shown": "Spearman’s rank correlation with the totals that the page shows: 1 is the same order.",
    "best layer": "The layer with the highest mean Overall, found by editing at every layer.",
    "optimum": "Sample-wise optimum: mean Overall with each fact edited at its own best layer. A maximum over noise.",
    "regret": _REGRET,
    "regret of such picks": f"{_REGRET} Of this kind’s picks in the recorded study, on held-out facts; from no more "
    "facts than here, where it drew such picks.",
    "regret on the proxy": f"{_REGRET} On the facts that the terms were tried out on.",
    "regret on held-out facts": f"{_REGRET} On facts that no pick has seen.",
    "below the optimum": "Points below the sample-wise optimum, which is a maximum over noise.",
    "hit@1": "Whether a best layer is the selector’s first.",
    "hit@3": "Whether a best layer is among the selector’s first three.",
    "hit@5": "Whether a best layer is among the selector’s first five.",
    "spearman ρ": "Rank correlation of the selector’s scores and the mean Overall, over layers: 1 is the same order.",
    "best in": "Units in which this selector has the lowest regret.",
    "n judged": "Facts that judge the picks: those measured at every swept layer.",
    "n picked from": "Facts that the layer was picked from.",
    # what work takes
    "cost": "Time of the measurement when it was made, and rows: sequences through the whole model.",
    "cost of lga": "Time of LGA’s measurement when it was made.",
    "sweep cost": "Time of editing the proxy facts at every layer, when it was measured.",
    "seconds": _SECONDS,
    "seconds (× faster)": f"{_SECONDS} Beside them: how many times faster than the sweep of the same facts.",
    "rows (× fewer)": "Sequences through the whole model that the pick cost; beside them, how many times fewer than "
    f"the sweep of the same facts. {_EARLIER_ROWS}",
    "time": _SECONDS,
    "took": "How long its rows took to compute.",
    "forward rows": "Sequences that ran forward through the whole model; a part of it counts as its share. "
    f"{_EARLIER_ROWS}",
    "backward rows": "Sequences that ran backward through the whole model; a part of it counts as its share. "
    f"{_EARLIER_ROWS}",
    "times cheaper": "Seconds of the sweep of the proxy facts over the selector’s own.",
    "× faster": "Seconds of the sweep of the same proxy facts over the selector’s own, median of the units.",
    "× fewer rows": "Rows of the sweep of the same proxy facts over the selector’s own, median of the units. "
    f"{_EARLIER_ROWS}",
    # facts
    "facts used": "Facts whose values are in the score’s total, of those asked for.",
    "subjects": "Different subjects, case and spaces aside.",
    "with rephrases": "Facts with a paraphrase of their prompt: they have a rephrase metric.",
    "with locality": "Facts with a probe of what should stay: they have a locality metric.",
    "with portability": "Facts with a probe of what follows: they have a portability metric.",
    "rephrases": "How many paraphrases of its prompt the fact has.",
    "known": "Whether the model gives the old answer by itself: its most probable next token starts an accepted one.",
    "p": "Probability of the token, or of the answer’s first one.",
    "proxy set": "The facts that a layer is picked on.",
    "test set": "The facts that the pick is judged on; no subject stands in both.",
    # stored runs
    "picks": "The layers that the run’s score ranks first.",
    "edited at": "The layers that the run’s edit was written at.",
}


def definition(name: str) -> str | None:
    """What a card or a column of that name holds; None where the name says it all."""
    whole = name.strip().lower()
    return _DEFINITIONS.get(whole) or _DEFINITIONS.get(whole.partition(",")[0])


def definitions(names: Iterable[str]) -> str | None:
    """A Markdown list of those that have one, for a table whose heads cannot explain themselves; None without any."""
    lines = [f"- **{name}**: {about}" for name in dict.fromkeys(names) if (about := definition(name))]
    return "\n".join(lines) or None
