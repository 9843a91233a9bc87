"""`facts`: what a fact set holds, and what is wrong with each record."""

from collections import Counter
from dataclasses import asdict

from lga_core.cli.options import Common, FactsName
from lga_core.cli.output import answer, table
from lga_core.data.load import load_facts


def facts(common: Common, facts: FactsName) -> None:
    """Validate a fact set, record by record."""
    fact_set = load_facts(facts)
    problems = fact_set.problems
    counts = Counter(problem.action for problem in problems)
    lines = [f"{fact_set.name}: {len(fact_set.facts)} facts in {fact_set.n_records} records"]
    lines += [f"{action}: {count}" for action, count in sorted(counts.items())]
    if problems:
        lines += ["", table(["record", "action", "problem"], [(p.record, p.action, p.problem) for p in problems])]
    data = {
        "name": fact_set.name,
        "n_records": fact_set.n_records,
        "n_facts": len(fact_set.facts),
        "problems": [asdict(problem) for problem in problems],
    }
    answer(common, data, "\n".join(lines))
