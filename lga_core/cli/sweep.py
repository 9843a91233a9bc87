"""`sweep`: the ground truth at every layer, and what each selector's layer is worth there."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any

import numpy as np
import typer

from lga_core.cli.memory import tell_memory
from lga_core.cli.options import Common, FactsName, ModelName, Set, settings_of
from lga_core.cli.output import answer, run, table
from lga_core.data.facts import Fact
from lga_core.data.load import load_facts
from lga_core.data.select import keep, subjects
from lga_core.errors import LgaError
from lga_core.results import METRICS, Estimate, SelectorWorth, Stability, Stored, Sweep, Transfer, Worth
from lga_core.runs.checks import parse_layers
from lga_core.view.text import count
from lga_core.view.words import cost_sentence

PROTOCOL = "teacher-forced token accuracy"
NOT_SWEPT = "no new answer"
PERCENT = (*METRICS, "overall")


@dataclass(frozen=True, kw_only=True)
class Asked:
    """One set's facts as they were asked for; those without a new answer cannot be swept."""

    name: str
    facts: tuple[Fact, ...]

    @classmethod
    def of(cls, common: Common, source: str) -> "Asked":
        found = load_facts(source)
        asked = cls(name=found.name, facts=common.choose(found))
        if not asked.edited:
            raise LgaError(f"{found.name} has no fact with a new answer to write.", mend="Name facts with target_new.")
        return asked

    @property
    def edited(self) -> tuple[Fact, ...]:
        return keep(self.facts, having=["target_new"])

    @property
    def contents(self) -> set[str]:
        return {fact.fingerprint for fact in self.edited}


@dataclass(frozen=True, kw_only=True)
class Swept:
    """One set's ground truth, and what the selectors' picks from FACTS are worth on it."""

    asked: Asked
    sweep: Sweep
    stored: Stored
    worth: Worth


def sweep(
    common: Common,
    model: ModelName,
    facts: FactsName,
    editor: Annotated[str, typer.Option(help="r-rome, rome, emmet, …")] = "r-rome",
    layers: Annotated[str | None, typer.Option(metavar="L[,L…]", help="Where: 0-17 or 3,5,7-9; else all.")] = None,
    test: Annotated[
        str | None, typer.Option(metavar="FACTS2", help="Sweep these facts too and judge the picks from FACTS on them.")
    ] = None,
    method: Annotated[
        list[str] | None, typer.Option(help="A selector: lga, lga-own-old, …; repeatable. Else the quick ones.")
    ] = None,
    ray: Annotated[
        str | None, typer.Option(metavar="ADDRESS", help="Sweep on a Ray cluster: HOST:PORT of its head, auto, local.")
    ] = None,
    set_: Set = None,
) -> None:
    """Edit every fact at every layer alone, and judge the layer that each selector picks."""
    from lga_core.editing.table import editor_named
    from lga_core.evaluation.memory_need import editing_need
    from lga_core.models.loading import load
    from lga_core.runs.distributed import require_ray, sweep_on_ray
    from lga_core.runs.store import Store
    from lga_core.runs.sweeps import sweep as sweep_here
    from lga_core.runs.tasks import score_layers
    from lga_core.worth.judging import judge
    from lga_core.worth.selectors import pick_by_scores, pick_by_sweep, selectors_named
    from lga_core.worth.transfer import stability_of_scores, stability_of_sweep, transfer

    if ray is not None:
        require_ray()
    chosen, selectors = editor_named(editor), selectors_named(method)
    settings = settings_of(chosen.settings, {"seed": common.seed}, set_)
    wanted = None if layers is None else parse_layers(layers)
    proxy = Asked.of(common, facts)
    sets = {"proxy": proxy} if test is None else {"proxy": proxy, "test": Asked.of(common, test)}
    loaded = run(common, load(model, device=common.device, dtype=common.dtype, accept_terms=common.accept_terms))
    at = tuple(range(loaded.layers)) if wanted is None else tuple(sorted(wanted))
    chosen.check(loaded, proxy.edited[:1], at)
    tell_memory(common, chosen.title, editing_need(loaded, at, settings))
    store = Store()
    sweeping = sweep_here if ray is None else partial(sweep_on_ray, address=ray)
    truths = {name: run(common, sweeping(loaded, asked.name, asked.edited, at, editor, settings, store))
              for name, asked in sets.items()}
    of_proxy, of_test = truths["proxy"][0], truths.get("test", truths["proxy"])[0]
    picks, firmness = [], []
    for selector in selectors:
        if selector.method is None:
            picks.append(pick_by_sweep(of_proxy))
            firmness.append(stability_of_sweep(of_proxy, of_test, seed=common.seed))
            continue
        scores, _ = run(common, score_layers(
            loaded, proxy.name, proxy.edited, selector.method, selector.settings(common.seed, settings),
            selector.choices(common.seed), store))
        picks.append(pick_by_scores(selector, scores, at))
        firmness.append(stability_of_scores(selector, scores, of_test, seed=common.seed))
    swept = {
        name: Swept(asked=sets[name], sweep=truth, stored=stored,
                    worth=judge(picks, truth, in_sample=sets[name].contents == proxy.contents, seed=common.seed))
        for name, (truth, stored) in truths.items()
    }
    carried = transfer({name: pick_by_sweep(truth) for name, (truth, _) in truths.items()},
                       {name: truth for name, (truth, _) in truths.items()}, seed=common.seed)
    judged = swept.get("test", swept["proxy"])
    answer(common, _report(model, swept["proxy"], swept.get("test"), firmness, carried), "\n".join(filter(None, [
        _truth_text(chosen.title, swept["proxy"]),
        _truth_text(chosen.title, judged) if test is not None else None,
        _selectors_text(judged, _shared(proxy, judged.asked)), _layers_text(judged.worth),
    ])))


def _report(model: str, proxy: Swept, test: Swept | None, firmness: Sequence[Stability],
            carried: Transfer) -> dict[str, Any]:
    judged = test or proxy
    return {
        "model": model, "editor": proxy.sweep.editor, "settings": proxy.sweep.settings, "protocol": PROTOCOL,
        **_truth(proxy),
        "test": test and _truth(test),
        "judged_on": judged.asked.name, "in_sample": judged.worth.in_sample,
        "shared_subjects": _shared(proxy.asked, judged.asked),
        "bootstrap": {"over": "the facts judged on; picks and best layers are held fixed",
                      "draws": judged.worth.draws, "seed": judged.worth.seed},
        "selectors": [_selector(item, firm) for item, firm in zip(judged.worth.selectors, firmness, strict=True)],
        "transfer": {"method": carried.selector, "sets": carried.targets, "layers": carried.layers, "n": carried.n,
                     "overall": carried.overall, "regret": carried.regret,
                     "interval": np.stack([carried.low, carried.high], axis=-1)},
    }


def _truth(swept: Swept) -> dict[str, Any]:
    """One set's sweep; rows are aligned with the facts asked for, null where one could not be swept."""
    worth, cost = swept.worth, swept.sweep.cost
    overall = dict(zip(swept.sweep.records, swept.sweep.overall, strict=True))
    return {
        "name": swept.asked.name,
        "layers": worth.layers,
        "facts": [{"record": fact.record, "status": "used" if fact.record in overall else NOT_SWEPT}
                  for fact in swept.asked.facts],
        "n_facts": worth.n_facts,
        "unfinished": worth.unfinished,
        "per_fact_overall": [overall.get(fact.record) for fact in swept.asked.facts],
        "mean": worth.mean,
        "n": worth.n,
        "makeup": worth.makeup,
        "golden_layer": worth.best_layer,
        "golden": _estimate(worth.best),
        "any_layer": _estimate(worth.any_layer),
        "samplewise_optimum": worth.optimum.value,
        "samplewise": _estimate(worth.optimum),
        "golden_gap": _estimate(worth.gap),
        "best_layers": worth.histogram,
        "seconds": cost.seconds, "forward_rows": cost.forward_rows, "backward_rows": cost.backward_rows,
        "run": swept.stored.provenance.key, "from_store": swept.stored.from_store,
    }


def _selector(item: SelectorWorth, firm: Stability) -> dict[str, Any]:
    pick = item.pick
    return {
        "method": pick.selector, "title": pick.title, "layer": pick.layer, "reason": pick.reason,
        "own_layer": pick.own_layer, "restricted": pick.restricted, "ranking": pick.ranking, "scores": pick.scores,
        "n_facts": pick.n_facts,
        "overall": item.overall.value, "regret": item.regret.value, "spearman": item.spearman.value,
        "harmonic": item.harmonic.value, "below_optimum": item.below_optimum.value,
        **{f"hit_at_{k}": hit for k, hit in item.hits.items()},
        "hit_shares": item.hit_shares,
        "metrics": {name: _estimate(value) for name, value in item.metrics.items()},
        "intervals": {name: _interval(getattr(item, name))
                      for name in ("overall", "regret", "spearman", "harmonic", "below_optimum")},
        "seconds": pick.cost.seconds, "forward_rows": pick.cost.forward_rows, "backward_rows": pick.cost.backward_rows,
        "stability": {"sizes": firm.sizes, "share": firm.share, "silent": firm.silent, "regret": firm.regret,
                      "overall": firm.overall, "draws": firm.draws, "seed": firm.seed},
    }


def _estimate(value: Estimate) -> dict[str, Any]:
    return {"value": value.value, "interval": _interval(value), "n": value.n}


def _interval(value: Estimate) -> list[float | None]:
    return [value.low, value.high]


def _shared(proxy: Asked, test: Asked) -> int:
    """Subjects that stand in both: what is held out should have none."""
    return subjects(proxy.edited) + subjects(test.edited) - subjects((*proxy.edited, *test.edited))


def _truth_text(title: str, swept: Swept) -> str:
    worth, size = swept.worth, f"{count(swept.worth.n_facts, 'fact')}, {count(len(swept.worth.layers), 'layer')}"
    lines = [
        f"{title} on {swept.asked.name}, {size}: golden layer {worth.best_layer}, Overall {_with_interval(worth.best)} "
        f"({PROTOCOL}, percent; {', '.join(worth.makeup)}).",
        f"Sample-wise optimum {_with_interval(worth.optimum)} (optimistic: a maximum over noise), "
        f"{_with_interval(worth.gap)} above it. Any layer: {_with_interval(worth.any_layer)}.",
        cost_sentence("Swept in", swept.sweep.cost) + (", from the store" if swept.stored.from_store else ""),
    ]
    left_out = [str(fact.record) for fact in swept.asked.facts if not fact.target_new]
    if left_out:
        lines.append(f"Records not swept, {NOT_SWEPT}: {', '.join(left_out)}")
    return "\n".join(lines)


def _selectors_text(judged: Swept, shared: int) -> str:
    worth = judged.worth
    where = "the very facts that they were made on (in-sample)" if worth.in_sample else judged.asked.name
    if shared and not worth.in_sample:
        where += f" ({count(shared, 'subject')} of FACTS among them)"
    notes = [f"{item.pick.title} has no pick: {item.pick.reason}." for item in worth.selectors if item.pick.reason]
    notes += [f"{item.pick.title} picks layer {item.pick.own_layer}, which was not swept; layer {item.pick.layer} "
              "is the first of its ranking that was."
              for item in worth.selectors if item.pick.restricted and item.pick.layer is not None]
    rows = [
        [item.pick.title, item.pick.layer, item.overall.value, item.harmonic.value, item.regret.value,
         _range(item.regret),
         *item.hits.values(), item.spearman.value, item.pick.cost.seconds] for item in worth.selectors
    ]
    head = ["selector", "layer", "Overall", "harmonic", "regret", "95 %", "hit@1", "hit@3", "hit@5", "Spearman",
            "seconds"]
    return "\n".join(["", f"Picks from FACTS, judged on {where}; each pick is held fixed:", table(head, rows), *notes])


def _layers_text(worth: Worth) -> str:
    rows = [[layer, *(float(worth.mean[name][column]) for name in PERCENT)]
            for column, layer in enumerate(worth.layers)]
    return "\n" + table(["layer", *PERCENT], rows)


def _with_interval(value: Estimate) -> str:
    if value.value is None:
        return "n/a"
    return f"{value.value:.1f}" + (f" ({_range(value)})" if value.low is not None else "")


def _range(value: Estimate) -> str:
    return "n/a" if value.low is None or value.high is None else f"{value.low:.1f} to {value.high:.1f}"
