"""What edits did, as cards and as the rows of tables: the same on the pages and in a report. Nothing is escaped."""

from itertools import zip_longest
from typing import Any

from lga_core.results import (
    METRICS,
    Diagnostics,
    EditReport,
    LedgerFact,
    LedgerReport,
    PlaygroundReport,
    ProbeResult,
    TokenChoice,
    norm_ratio,
)
from lga_core.view.words.cards import Card
from lga_core.view.words.edits.sentences import before_after, relative_error
from lga_core.view.words.text import fixed, number, yes_no

WRITTEN_NOTE = "Target error: ‖W′k − v*‖ / ‖v*‖. Clamped: v* reached its norm bound. Norms are Frobenius; loss in nats."


def side_effect_cards(report: EditReport, measured: Diagnostics) -> list[Card]:
    """What the edit did to the model beside its fact."""
    ratios = [ratio for ratio in measured.norm_ratios if ratio is not None]
    largest = max(ratios) if ratios and len(ratios) == len(measured.norm_ratios) else None
    prompts = f"nats, n {measured.n_prompts}"
    fluency = f"{fixed(measured.fluency_before)} → {fixed(measured.fluency_after)}"
    return [
        Card(label="Target error", value=relative_error(report.target_error), below="largest over layers"),
        Card(label="‖ΔW‖ / ‖W‖", value=number(largest, 2), below="largest over layers"),
        Card(label="Drift, mean KL", value=number(measured.kl, 2), below=prompts),
        Card(label="Drift, largest KL", value=number(measured.kl_largest, 2), below=prompts),
        Card(label="Fluency", value=fluency, below="bits × 100"),
    ]


def _three(value: float | None) -> str:
    return number(value, 3)


WRITTEN_FORMATS = {"target error": relative_error, "‖ΔW‖": _three, "‖ΔW‖ / ‖W‖": _three, "last loss": _three}


def written_rows(report: EditReport) -> list[dict[str, Any]]:
    """What was written at each layer, and how the search for it ended."""
    return [
        {
            "layer": layer,
            "target error": error,
            "‖ΔW‖": delta,
            "‖ΔW‖ / ‖W‖": norm_ratio(delta, weight),
            "clamped": yes_no(clamped),
            "steps": max(len(losses) - 1, 0),
            "last loss": losses[-1] if losses else None,
        }
        for layer, error, delta, weight, clamped, losses in zip(
            report.layers,
            report.target_errors,
            report.delta_norms,
            report.weight_norms,
            report.clamped,
            report.losses,
            strict=True,
        )
    ]


def probe_row(probe: ProbeResult, pending: str | None = None) -> dict[str, str]:
    """One probe's texts in full. `pending`: what stands for them while they are missing."""
    return {
        "metric": probe.metric,
        "prompt": probe.prompt,
        "expected": probe.expected + ("" if probe.expected_source == "data" else " (the model’s own)"),
        "before": pending or probe.text_before,
        "after": pending or probe.text_after,
        "forced %": f"{probe.before:.0f}\u00a0→\u00a0{probe.after:.0f}",
        "free": pending or f"{yes_no(probe.free_before)}\u00a0→\u00a0{yes_no(probe.free_after)}",
    }


def ledger_rows(report: LedgerReport) -> list[dict[str, object]]:
    """Each fact of a ledger with all metrics, on the unedited model and now; teacher-forced."""
    return [
        {
            "#": place,
            "on": "yes" if fact.enabled else "no",
            "prompt": fact.prompt,
            "new answer": fact.target_new,
            **{name: before_after(fact.before[name], fact.now[name], "teacher_forced") for name in METRICS},
        }
        for place, fact in enumerate(report.facts, start=1)
    ]


def ledger_probe_rows(fact: LedgerFact) -> list[dict[str, str]]:
    """The texts of one fact's probes, on the unedited model and now."""
    return [
        {
            "metric": probe.metric,
            "prompt": probe.prompt,
            "expected": probe.expected,
            "unedited": probe.text_before,
            "now": probe.text_after,
            "forced %": f"{probe.before:.0f} → {probe.after:.0f}",
        }
        for probe in fact.probes
    ]


def next_token_rows(report: PlaygroundReport) -> list[dict[str, str | None]]:
    """The most probable next tokens of both models side by side; None where one has fewer."""

    def cells(choice: TokenChoice | None, token: str, p: str) -> dict[str, str | None]:
        if choice is None:
            return {token: None, p: None}
        return {token: choice.token.replace(" ", "·").replace("\n", "⏎"), p: number(choice.probability, 3)}

    pairs = zip_longest(report.next_before, report.next_after)
    return [cells(before, "original", "p") | cells(after, "edited", "p ") for before, after in pairs]
