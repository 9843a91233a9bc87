"""`facts`: what a fact set holds, and what is wrong with each record."""

from collections import Counter
from dataclasses import asdict

from lga_core.cli.options import Common, FactsName
from lga_core.cli.output import answer, table
from lga_core.data.load import load_facts


def facts(common: Common, facts: FactsName) -> None:
    """Validate a fact set, record by record."""
    found = load_facts(facts)
    problems = [asdict(problem) for problem in found.problems]
    report = {"name": found.name, "n_records": found.n_records, "n_facts": len(found.facts), "problems": problems}
    counts = Counter(problem.action for problem in found.problems)
    lines = [f"{found.name}: {len(found.facts)} facts in {found.n_records} records"]
    lines += [f"{action}: {count}" for action, count in sorted(counts.items())]
    if problems:
        lines += ["", table(["record", "action", "problem"], [(p.record, p.action, p.problem) for p in found.problems])]
    answer(common, report, "\n".join(lines))
