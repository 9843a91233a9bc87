"""`trace`: one fact's causal trace, token × layer, or the average of many at six kinds of token."""

from collections.abc import Sequence
from dataclasses import asdict, fields
from typing import Annotated, Any, Literal

import numpy as np
import typer

from lga_core.cli.options import FactsName, ModelName, SeededOptions, Set, settings_of
from lga_core.cli.output import answer, if_stored, origin, progress_line, table
from lga_core.data.load import load_facts
from lga_core.errors import LgaError
from lga_core.results import AverageTrace, CausalTrace, Result, Stored
from lga_core.view.words.text import count


def trace(
    common: SeededOptions,
    model: ModelName,
    facts: FactsName,
    index: Annotated[int | None, typer.Option(help="The fact: its 0-based record in the file.")] = None,
    average: Annotated[bool, typer.Option("--average", help="All facts instead of one: their average trace.")] = False,
    kind: Annotated[Literal["hidden", "mlp", "attn"], typer.Option(help="What is restored.")] = "hidden",
    set_: Set = None,
) -> None:
    """Trace one fact: what restoring each token's state at each layer brings back. Or, with --average, each of the
    facts that --limit and --shuffle choose and the model knows, and the mean at six kinds of token. The noise is
    scaled to the subjects of the chosen facts."""
    from lga_core.data.asked import fact_at
    from lga_core.evaluation.memory_need import scoring_need
    from lga_core.runs.experiments.average_traces import average_trace
    from lga_core.runs.tasks import known_fact_checks, trace_fact
    from lga_core.scores.settings import CmaSettings

    if (index is None) is not average:
        raise LgaError(
            "Both one fact and the average are asked for." if average else "No fact is named.",
            hint="Name one fact with --index, or ask for all of them with --average; --help lists the options.",
        )
    fact_set = load_facts(facts)
    fact = None if index is None else fact_at(fact_set, index)
    chosen = common.choose(fact_set)
    settings = settings_of(CmaSettings, {"seed": common.seed}, set_)
    store = common.store(model, facts)
    with progress_line(common) as report:
        loaded = common.load(model, report)
        report.show_memory(f"CMA, {kind}", scoring_need(loaded, [f"trace-{kind}"], 1))
        if fact is not None:
            traced, stored = trace_fact(loaded, fact_set.name, fact, kind, settings, chosen, store, report=report)
            (check,) = known_fact_checks(loaded, [fact], store, report=report)  # the trace has stored it
            report_of, text = _report(model, traced, check.known, stored), _text(traced, check.known, stored)
        else:
            mean, origins = average_trace(loaded, fact_set.name, chosen, kind, settings, chosen, store, report=report)
            report_of, text = _average_report(model, mean, origins), _average_text(mean, origins)
    answer(common, report_of, text)


def _own(result: Result) -> dict[str, Any]:
    return {field.name: getattr(result, field.name) for field in fields(result) if field.name != "cost"}


def _report(model: str, traced: CausalTrace, known: bool | None, stored: Stored) -> dict[str, Any]:
    """`known`: whether the model knows the fact; None where the data has no old answer."""
    more = {"known": known, "total_effect": traced.total_effect}
    return {"model": model, **_own(traced), **more, **asdict(traced.cost), **origin(stored)}


def _text(traced: CausalTrace, known: bool | None, stored: Stored) -> str:
    first, end = traced.subject
    best = traced.effect.argmax(axis=1)
    rows = [
        [i, f"{token.strip() or repr(token)}{' *' if first <= i < end else ''}", int(best[i]), float(np.max(effects))]
        for i, (token, effects) in enumerate(zip(traced.tokens, traced.effect, strict=True))
    ]
    return "\n".join(
        [
            f"{traced.prompt} → {traced.answer.strip()} ({traced.kind}, window {traced.window})",
            *(["The model does not know this fact: scores and averages leave it out."] if known is False else []),
            f"p clean {traced.p_clean:.3f}, corrupted {traced.p_corrupted:.3f}; {traced.cost.seconds:.1f} s"
            f"{if_stored(stored)}",
            table(["", "token (* subject)", "best layer", "effect there"], rows),
        ]
    )


def _average_report(model: str, mean: AverageTrace, origins: Sequence[Stored]) -> dict[str, Any]:
    return {
        "model": model,
        **_own(mean),
        **asdict(mean.cost),
        "runs": [stored.provenance.key for stored in origins],
        "from_store": all(stored.from_store for stored in origins),
    }


def _average_text(mean: AverageTrace, origins: Sequence[Stored]) -> str:
    rows: list[list[Any]] = []
    for place, position in enumerate(mean.positions):
        best = int(np.argmax(mean.effect[place])) if mean.n[place] else None
        at_best = (
            [None, None] if best is None else [float(mean.effect[place, best]), float(mean.half_width[place, best])]
        )
        rows.append([position, mean.n[place], best, *at_best])
    reused = sum(stored.from_store for stored in origins)
    lines = [
        f"Average trace of {count(len(mean.records), 'fact')} ({mean.kind}, window {mean.window}): "
        f"total effect {mean.total_effect:.3f}; {mean.cost.seconds:.1f} s, {reused} of {len(origins)} from the store",
        mean.caution and f"{mean.caution[0].upper()}{mean.caution[1:]}.",
        mean.own_answers and f"Traced for the model's own first token: records {_listed(mean.own_answers)}",
        *(f"Records left out, {reason}: {_listed(records)}" for reason, records in mean.left_out.items()),
        table(["position", "n", "best layer", "effect there", "± 1.96 sd/√n"], rows),
    ]
    return "\n".join(line for line in lines if line)


def _listed(records: Sequence[int]) -> str:
    return ", ".join(map(str, records))
