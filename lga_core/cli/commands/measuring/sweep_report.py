"""What `sweep` prints: the ground truth of each set, and what each selector's pick is worth, as JSON and as a table."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from lga_core.cli.options import FactsOptions
from lga_core.cli.output import attributes, if_stored, origin, span, table
from lga_core.data.facts import Fact
from lga_core.data.load import load_facts
from lga_core.data.select import editable, subjects
from lga_core.errors import LgaError
from lga_core.progress import Reporter
from lga_core.results import METRICS, Estimate, LayerScores, SelectorWorth, Stability, Stored, Sweep, Transfer, Worth
from lga_core.view.words.protocol import not_asked_words, protocol_words
from lga_core.view.words.sentences import cost_sentence
from lga_core.view.words.sweep.sentences import gap_words, points
from lga_core.view.words.text import count
from lga_core.worth.held_out import FEWEST

if TYPE_CHECKING:
    from lga_core.models.loaded import LoadedModel
    from lga_core.runs.storage.store import Store
    from lga_core.worth.selectors import Selector

NOT_SWEPT = "no new answer"
PERCENT = (*METRICS, "overall")


@dataclass(frozen=True, kw_only=True)
class FactsToSweep:
    """One set's facts as they were asked for; those without a new answer cannot be swept."""

    name: str
    facts: tuple[Fact, ...]

    @classmethod
    def of(cls, common: FactsOptions, source: str) -> "FactsToSweep":
        fact_set = load_facts(source)
        asked = cls(name=fact_set.name, facts=common.choose(fact_set))
        if not asked.edited:
            raise LgaError(f"{asked.name} has no fact with a new answer to write.", hint="Name facts with target_new.")
        return asked

    @property
    def edited(self) -> tuple[Fact, ...]:
        return editable(self.facts)

    def left_out(self, what: str) -> list[str]:
        """A line that names the records without a new answer; `what` they are not, as "swept". None, no line."""
        records = [str(fact.record) for fact in self.facts if not fact.target_new]
        return [f"Records not {what}, {NOT_SWEPT}: {', '.join(records)}"] if records else []

    def scores(
        self, model: "LoadedModel", selector: "Selector", seed: int, settings: Any, store: "Store", report: Reporter
    ) -> LayerScores:
        """Every layer's score by a selector; `settings` of the editor whose layer it names."""
        from lga_core.runs.tasks import score_layers

        own, view = selector.settings(seed, settings), selector.choices(seed, settings)
        return score_layers(model, self.name, self.edited, selector.method, own, view, store, report=report)[0]

    @property
    def contents(self) -> set[str]:
        return {fact.fingerprint for fact in self.edited}


@dataclass(frozen=True, kw_only=True)
class JudgedSweep:
    """One set's ground truth, and what the selectors' picks from FACTS are worth on it."""

    asked: FactsToSweep
    sweep: Sweep
    stored: Stored
    worth: Worth


def sweep_report(
    model: str, proxy: JudgedSweep, test: JudgedSweep | None, firmness: Mapping[str, Stability], carried: Transfer
) -> dict[str, Any]:
    """The command's JSON. `firmness`: by selector."""
    judged = test or proxy
    return {
        "model": model,
        "editor": proxy.sweep.editor,
        "settings": proxy.sweep.settings,
        "protocol": protocol_words(proxy.sweep.answers),
        "answers": proxy.sweep.answers,
        **_truth(proxy),
        "test": test and _truth(test),
        "judged_on": judged.asked.name,
        "in_sample": judged.worth.in_sample,
        "shared_subjects": _shared(proxy.asked, judged.asked),
        "bootstrap": {
            "over": "the facts judged on, paired; picks are held fixed",
            **attributes(judged.worth, "draws", "seed"),
        },
        "selectors": [_selector(item, firmness.get(item.pick.selector)) for item in judged.worth.selectors],
        "transfer": {
            "method": carried.selector,
            "sets": carried.targets,
            **attributes(carried, "layers", "n", "overall", "regret"),
            "interval": np.stack([carried.low, carried.high], axis=-1),
        },
    }


def _truth(swept: JudgedSweep) -> dict[str, Any]:
    """One set's sweep; rows are aligned with the facts asked for, null where one could not be swept."""
    worth = swept.worth
    overall = dict(zip(swept.sweep.records, swept.sweep.overall, strict=True))
    return {
        "name": swept.asked.name,
        "layers": worth.layers,
        "facts": [
            {"record": fact.record, "status": "used" if fact.record in overall else NOT_SWEPT}
            for fact in swept.asked.facts
        ],
        **attributes(worth, "n_facts", "unfinished"),
        **attributes(swept.sweep, "left_out", "dropped_locality"),
        "per_fact_overall": [overall.get(fact.record) for fact in swept.asked.facts],
        **attributes(worth, "mean", "n", "makeup"),
        "golden_layer": worth.best_layer,
        "golden": _estimate(worth.best),
        "any_layer": _estimate(worth.any_layer),
        "samplewise_optimum": worth.optimum.value,
        "samplewise": _estimate(worth.optimum),
        "golden_gap": _estimate(worth.gap),
        "best_layers": worth.histogram,
        **asdict(swept.sweep.cost),
        **origin(swept.stored),
    }


def _selector(item: SelectorWorth, firm: Stability | None) -> dict[str, Any]:
    pick = item.pick
    estimates = attributes(item, "overall", "regret", "spearman", "harmonic", "below_optimum")
    return {
        "method": pick.selector,
        **attributes(pick, "title", "layer", "reason", "own_layer", "restricted", "ranking", "scores", "n_facts"),
        **{name: estimate.value for name, estimate in estimates.items()},
        **{f"hit_at_{k}": hit for k, hit in item.hits.items()},
        "hit_shares": item.hit_shares,
        "metrics": {name: _estimate(value) for name, value in item.metrics.items()},
        "intervals": {name: _interval(estimate) for name, estimate in estimates.items()},
        **asdict(pick.cost),
        "stability": firm
        and attributes(firm, "sizes", "share", "near", "firm", "silent", "regret", "overall", "draws", "seed"),
    }


def _estimate(value: Estimate) -> dict[str, Any]:
    return {"value": value.value, "interval": _interval(value), "n": value.n}


def _interval(value: Estimate) -> list[float | None]:
    return [value.low, value.high]


def _shared(proxy: FactsToSweep, test: FactsToSweep) -> int:
    """Subjects that stand in both: what is held out should have none."""
    return subjects(proxy.edited) + subjects(test.edited) - subjects((*proxy.edited, *test.edited))


def sweep_text(title: str, proxy: JudgedSweep, test: JudgedSweep | None) -> str:
    """The command's tables."""
    judged = test or proxy
    truths = [_truth_text(title, swept) for swept in (proxy, test) if swept is not None]
    return "\n".join([*truths, _selectors_text(judged, _shared(proxy.asked, judged.asked)), _layers_text(judged.worth)])


def _truth_text(title: str, swept: JudgedSweep) -> str:
    worth = swept.worth
    size = f"{count(worth.n_facts, 'fact')}, {count(len(worth.layers), 'layer')}"
    lines = [
        f"{title} on {swept.asked.name}, {size}: golden layer {worth.best_layer}, Overall {points(worth.best)} "
        f"({protocol_words(swept.sweep.answers)}, percent; {', '.join(worth.makeup)}).",
        not_asked_words(swept.sweep.left_out, swept.sweep.dropped_locality),
        f"Sample-wise optimum {points(worth.optimum)} (optimistic: a maximum over noise){gap_words(worth)}. "
        f"Any layer: {points(worth.any_layer)}.",
        cost_sentence("Swept in", swept.sweep.cost) + if_stored(swept.stored),
    ]
    return "\n".join([*lines, *swept.asked.left_out("swept")])


def _selectors_text(judged: JudgedSweep, shared: int) -> str:
    worth = judged.worth
    where = "the very facts that they were made on (in-sample)" if worth.in_sample else judged.asked.name
    if shared and not worth.in_sample:
        where += f" ({count(shared, 'subject')} of FACTS among them)"
    notes = (
        [] if worth.in_sample or worth.n_facts >= FEWEST else [f"No regret: fewer than {FEWEST} facts are judged on."]
    )
    notes += [f"{item.pick.title} has no pick: {item.pick.reason}." for item in worth.selectors if item.pick.reason]
    notes += [
        f"{item.pick.title} picks layer {item.pick.own_layer}, which was not swept; layer {item.pick.layer} "
        "is the first of its ranking that was."
        for item in worth.selectors
        if item.pick.restricted and item.pick.layer is not None
    ]
    rows = [
        [
            item.pick.title,
            item.pick.layer,
            item.overall.value,
            item.harmonic.value,
            item.regret.value,
            span(item.regret.low, item.regret.high),
            *item.hits.values(),
            item.spearman.value,
            item.pick.cost.seconds,
        ]
        for item in worth.selectors
    ]
    head = ["selector", "layer", "Overall", "harmonic", "regret", "95 %"]
    head += [*(f"hit@{k}" for k in (1, 3, 5)), "Spearman", "seconds"]
    return "\n".join(["", f"Picks from FACTS, judged on {where}; each pick is held fixed:", table(head, rows), *notes])


def _layers_text(worth: Worth) -> str:
    rows = [
        [layer, *(float(worth.mean[name][column]) for name in PERCENT)] for column, layer in enumerate(worth.layers)
    ]
    return "\n" + table(["layer", *PERCENT], rows)
