"""Tables of what edits did: one trial, and a ledger."""

from operator import attrgetter
from typing import Any

import pandas as pd

from lga_core.results import METRICS, EditReport, LedgerReport, Metric, ProbeResult
from lga_core.view.export.frames.table import NUMBER, TEXT, TRUTH, WHOLE, table

PROBE_TEXTS = dict.fromkeys(("metric", "group", "prompt", "expected", "expected_source"), TEXT)


def edit_probes(report: EditReport) -> pd.DataFrame:
    """A probe a row: both protocols before and after, with the texts."""
    layers = " ".join(map(str, report.layers))
    return table(
        {"record": WHOLE, "editor": TEXT, "layers": TEXT, "answers": TEXT, **PROBE_TEXTS, **_answered("after")},
        ((report.record, report.editor, layers, report.answers, *_probe(probe)) for probe in report.probes),
    )


def edit_metrics(report: EditReport) -> pd.DataFrame:
    """A metric a row, percent by both protocols before and after; n counts its probes."""
    nothing = Metric(teacher_forced=None, free=None, n=0)
    values = {f"{name}_{when}": NUMBER for name in ("teacher_forced", "free") for when in ("before", "after")}
    return table(
        {"metric": TEXT, **values, "n": WHOLE},
        (
            (name, before.teacher_forced, after.teacher_forced, before.free, after.free, after.n)
            for name in METRICS
            for before, after in [(report.before.get(name, nothing), report.after.get(name, nothing))]
        ),
    )


def ledger_facts(report: LedgerReport) -> pd.DataFrame:
    """A fact of the ledger a row: every metric by both protocols on the unedited model and now; n counts its probes."""
    about = {"record": WHOLE, "prompt": TEXT, "subject": TEXT, "target_new": TEXT}
    protocols = ("teacher_forced", "free")
    values = {f"{name}_{how}_{when}": NUMBER for name in METRICS for how in protocols for when in ("before", "now")}
    return table(
        {
            **{"fact": WHOLE, "entry": TEXT, "enabled": TRUTH, **about, **values},
            **{f"{name}_n": WHOLE for name in METRICS},
            "dropped_locality": WHOLE,
        },
        (
            (
                *(place, fact.entry, fact.enabled, *attrgetter(*about)(fact)),
                *(getattr(at[name], how) for name in METRICS for how in protocols for at in (fact.before, fact.now)),
                *(fact.now[name].n for name in METRICS),
                fact.dropped_locality,
            )
            for place, fact in enumerate(report.facts, start=1)
        ),
    )


def ledger_probes(report: LedgerReport) -> pd.DataFrame:
    """A probe of a fact a row: both protocols on the unedited model and now, with the texts."""
    return table(
        {"fact": WHOLE, "enabled": TRUTH, **PROBE_TEXTS, **_answered("now")},
        (
            (place, fact.enabled, *_probe(probe))
            for place, fact in enumerate(report.facts, start=1)
            for probe in fact.probes
        ),
    )


def ledger_writes(report: LedgerReport) -> pd.DataFrame:
    """A layer that an entry writes at a row: norms, and over its facts the largest target error and any clamped v*."""
    norms = ("delta_norm", "weight_norm", "norm_ratio")
    return table(
        {
            **{"entry": TEXT, "enabled": TRUTH, "layer": WHOLE, "matrix": TEXT},
            **dict.fromkeys((*norms, "target_error"), NUMBER),
            "clamped": TRUTH,
        },
        (
            (
                *attrgetter("entry", "enabled", "layer", "matrix", *norms)(write),
                max((error for error in write.target_errors if error is not None), default=None),
                any(known) if (known := [item for item in write.clamped if item is not None]) else None,
            )
            for write in report.writes
        ),
    )


def _answered(after: str) -> dict[str, str]:
    """The columns of a probe's answers before an edit and after it, which has a name of its own."""
    return {
        **{f"teacher_forced_{when}": NUMBER for when in ("before", after)},
        **{f"free_{when}": TRUTH for when in ("before", after)},
        **{f"text_{when}": TEXT for when in ("before", after)},
    }


def _probe(probe: ProbeResult) -> tuple[Any, ...]:
    answers = ("before", "after", "free_before", "free_after", "text_before", "text_after")
    return attrgetter(*PROBE_TEXTS, *answers)(probe)
