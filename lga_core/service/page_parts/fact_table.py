"""Facts and their probes in rows, beside what the model says by itself."""

from collections.abc import Mapping, Sequence
from typing import Any

from lga_core.data.facts import Fact
from lga_core.results import KnownFactCheck


def verdict(check: KnownFactCheck | None) -> str:
    """Whether the model knows the fact, in a word or two; None: it was not asked."""
    if check is None:
        return "not asked"
    if check.problem is not None:
        return "cannot be asked"
    return "n/a" if check.known is None else "known" if check.known else "not known"


def fact_columns(facts: Sequence[Fact], checks: Mapping[int, KnownFactCheck]) -> dict[str, list[Any]]:
    """The columns of a table with one row a fact. `checks`: what the model said, by record."""
    said = [checks.get(fact.record) for fact in facts]
    return {
        "record": [fact.record for fact in facts],
        "prompt": [fact.prompt for fact in facts],
        "expected": [" | ".join(fact.target_old) or None for fact in facts],
        "the model says": [check.greedy if check else None for check in said],
        "p": [check.probability if check else None for check in said],
        "model": [verdict(check) for check in said],
        "new answer": [fact.target_new for fact in facts],
        "relation": [fact.relation for fact in facts],
        "rephrases": [len(fact.rephrases) for fact in facts],
        "locality": [len(fact.locality) for fact in facts],
        "portability": [len(fact.portability) for fact in facts],
    }


def probe_rows(fact: Fact) -> list[dict[str, str]]:
    """One row a rephrase and a probe, with what is expected after the edit."""
    rows = [
        {"probe": "rephrase", "group": "", "prompt": rephrase, "expected": fact.target_new or ""}
        for rephrase in fact.rephrases
    ]
    for metric, probes in (("locality", fact.locality), ("portability", fact.portability)):
        rows += [
            {
                "probe": metric,
                "group": probe.group,
                "prompt": probe.prompt,
                "expected": " | ".join(probe.accepted) or "the model's own tokens",
            }
            for probe in probes
        ]
    return rows
