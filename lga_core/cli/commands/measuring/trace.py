"""`trace`: one fact's causal trace, token × layer."""

from dataclasses import asdict, fields
from typing import Annotated, Any, Literal

import numpy as np
import typer

from lga_core.cli.options import FactsName, FactsOptions, Index, ModelName, Set, settings_of
from lga_core.cli.output import answer, if_stored, origin, progress_line, table
from lga_core.data.load import load_facts
from lga_core.results import CausalTrace, Stored


def trace(
    common: FactsOptions,
    model: ModelName,
    facts: FactsName,
    index: Index,
    kind: Annotated[Literal["hidden", "mlp", "attn"], typer.Option(help="What is restored.")] = "hidden",
    set_: Set = None,
) -> None:
    """Trace one fact: what restoring each token's state at each layer brings back. The noise is scaled to the
    subjects of the whole fact set, or of the facts that --limit and --shuffle choose."""
    from lga_core.evaluation.memory_need import scoring_need
    from lga_core.runs.checks import fact_at
    from lga_core.runs.tasks import trace_fact
    from lga_core.scores.settings import CmaSettings

    fact_set = load_facts(facts)
    fact = fact_at(fact_set, index)
    noise_facts = common.choose(fact_set)
    settings = settings_of(CmaSettings, {"seed": common.seed}, set_)
    with progress_line(common) as report:
        loaded = common.load(model, report)
        report.show_memory(f"CMA, {kind}", scoring_need(loaded, [f"trace-{kind}"], 1))
        traced, stored = trace_fact(
            loaded, fact_set.name, fact, kind, settings, noise_facts, common.store("trace", model, facts), report=report
        )
    answer(common, _report(model, traced, stored), _text(traced, stored))


def _report(model: str, traced: CausalTrace, stored: Stored) -> dict[str, Any]:
    own = {field.name: getattr(traced, field.name) for field in fields(traced) if field.name != "cost"}
    return {"model": model, **own, "total_effect": traced.total_effect, **asdict(traced.cost), **origin(stored)}


def _text(traced: CausalTrace, stored: Stored) -> str:
    first, end = traced.subject
    best = traced.effect.argmax(axis=1)
    rows = [
        [i, f"{token.strip() or repr(token)}{' *' if first <= i < end else ''}", int(best[i]), float(np.max(effects))]
        for i, (token, effects) in enumerate(zip(traced.tokens, traced.effect, strict=True))
    ]
    return "\n".join(
        [
            f"{traced.prompt} → {traced.answer.strip()} ({traced.kind}, window {traced.window})",
            f"p clean {traced.p_clean:.3f}, corrupted {traced.p_corrupted:.3f}; {traced.cost.seconds:.1f} s"
            f"{if_stored(stored)}",
            table(["", "token (* subject)", "best layer", "effect there"], rows),
        ]
    )
