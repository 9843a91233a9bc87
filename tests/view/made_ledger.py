"""A ledger's report with chosen numbers, for the tests of what shows it."""

from lga_core.results import LedgerFact, LedgerReport, Metric

NONE = Metric(teacher_forced=None, free=None, n=0)


def fact(subject: str, now: float, *, enabled: bool = True, entry: str = "a") -> LedgerFact:
    def metrics(value: float) -> dict[str, Metric]:
        return {
            "rewrite": Metric(teacher_forced=value, free=value, n=1),
            "rephrase": NONE,
            "locality": NONE,
            "portability": NONE,
        }

    return LedgerFact(
        entry=entry,
        enabled=enabled,
        record=0,
        prompt=f"The {subject} is in",
        subject=subject,
        target_new="<b>Boston",
        before=metrics(0.0),
        now=metrics(now),
        probes=(),
        dropped_probes=(),
    )


def report(*facts: LedgerFact) -> LedgerReport:
    return LedgerReport(facts=facts, writes=(), before={}, now={})
