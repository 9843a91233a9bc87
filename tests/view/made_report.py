"""A made-up report with every part, and one of which nothing is measured."""

from view.made import causal_trace, cma_scores, edit_report, labels, lga_scores, token_attribution
from view.made_sweep import sweep, worth

from lga_core.results import (
    EditCheckpoint,
    ManyEdits,
    MethodScores,
    Provenance,
    QuestionReport,
    ReportedLayers,
    ReportedSweep,
    ReportedTrace,
    ReportedTrial,
    Stored,
)

FACTS, LAYERS = 6, 8


def stored(method: str, facts: str = "six") -> Stored:
    return Stored(
        provenance=Provenance(
            key=f"{method.encode().hex():0<64}"[:64],
            model="made",
            model_fingerprint="f" * 64,
            facts=facts,
            facts_fingerprint="e" * 64,
            method=method,
            method_version=3,
            settings={"seed": 7, "value": {"steps": 25}},
            packages={"torch": "2.13.0"},
            machine="cpu, float32, 2 threads",
            created="2026-11-28T06:09:45+00:00",
        ),
        complete=True,
        rows=FACTS,
    )


def empty(**changed) -> QuestionReport:
    nothing = {
        "title": "Made 8, six",
        "made": "2026-11-28T10:00:00+00:00",
        "asked": {"model": "Made 8", "seed": "7"},
        "layers": LAYERS,
        "labels": {},
        "facts": (),
        "answer": None,
        "obstacles": {},
        "lga": None,
        "cma": None,
        "forecast": None,
        "agreement": None,
        "picks": (),
        "readings": (),
        "published": {},
        "licences": {"model, Made 8": "MIT"},
        "version": "0.1.0",
        "citation": "cff-version: 1.2.0",
    }
    return QuestionReport(**(nothing | changed))


def _checkpoint(edits: int, rewrite: float | None) -> EditCheckpoint:
    numbers = dict.fromkeys(("n_rewrite", "n_latest", "n_rephrase", "n_locality"), edits)
    measured = dict.fromkeys(("rewrite", "latest", "rephrase"), rewrite)
    return EditCheckpoint(
        edits=edits, **measured, **numbers, locality=90.0, kl=0.1, fluency=500.0, norm_ratios=(0.1, 0.1)
    )


def whole(**changed) -> QuestionReport:
    """With all that a page can show but an answer and a ledger."""
    lga = lga_scores(FACTS, LAYERS, unused=(3,))
    swept = sweep(FACTS, LAYERS)
    one = sweep(1, LAYERS)
    parts = {
        "labels": labels(FACTS),
        "facts": tuple({"record": record, "prompt": fact, "p": None} for record, fact in labels(FACTS).items()),
        "lga": MethodScores(scores=lga, stored=stored("gradients")),
        "cma": MethodScores(scores=cma_scores(FACTS, LAYERS), stored=stored("trace-mlp")),
        "agreement": 0.41,
        "picks": ({"method": "LGA", "pick": 3, "ρ with LGA": None},),
        "traces": (
            ReportedTrace(
                fact="Space Needle: Seattle → Boston",
                traces=((causal_trace(LAYERS), stored("token-trace-mlp")),),
                attribution=(token_attribution(), stored("token-attribution")),
            ),
        ),
        "trials": (
            ReportedTrial(
                editor="R-ROME",
                report=edit_report((2, 3)),
                stored=stored("trial-r-rome"),
                overall_before=0.0,
                overall_after=100.0,
            ),
        ),
        "every_layer": ReportedLayers(
            fact="Space Needle: Seattle → Boston",
            sweep=one,
            stored=stored("sweep-r-rome", "one"),
            scores={"lga": lga_scores(1, LAYERS, unused=())},
            best=2,
        ),
        "sweep": ReportedSweep(
            parts={"proxy": (swept, stored("sweep-r-rome"))},
            labels={"proxy": labels(FACTS)},
            judged="proxy",
            worth=worth(swept),
            lga=lga,
        ),
        "many_edits": (
            ManyEdits(
                editor="r-rome",
                layers=(2, 3),
                settings={},
                how={},
                planned=50,
                checkpoints=(_checkpoint(0, None), _checkpoint(25, 90.0), _checkpoint(50, 40.0)),
            ),
            stored("many-r-rome"),
        ),
    }
    return empty(**(parts | changed))
