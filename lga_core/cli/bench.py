"""`bench`: the benchmarks, each a fast way beside the plain one in the same run."""

from typing import Annotated, Any

import typer

from lga_core.cli.options import Common
from lga_core.cli.output import answer, table


def bench(
    common: Common,
    name: Annotated[str | None, typer.Argument(help="One benchmark; without a name they are listed.")] = None,
    model: Annotated[str, typer.Option(metavar="MODEL", help="The model that is timed.")] = "smollm2-135m",
) -> None:
    """Run a benchmark, or list them."""
    from lga_core.bench import BENCHES
    from lga_core.runs.checks import one_of

    if name is None:
        listed = [{"name": key, "about": _about(function)} for key, function in BENCHES.items()]
        answer(common, listed, table(["benchmark", "what it compares"], [list(item.values()) for item in listed]))
        return
    report = one_of("benchmark", name, BENCHES)(model, limit=common.limit, seed=common.seed)
    answer(common, report, _text(report))


def _about(function: Any) -> str:
    return (function.__doc__ or "").strip().splitlines()[0]


def _text(report: dict[str, Any]) -> str:
    speedup = report["speedup"]
    if speedup is None:
        lines = [f"{report['name']}: {report['seconds']:.1f} s", str(report["machine"])]
    else:
        lines = [f"{report['name']}: {speedup:.1f} times faster",
                 f"plain {report['baseline_seconds']:.1f} s, ours {report['seconds']:.1f} s", str(report["machine"])]
    if report["rows"]:
        lines.append(table(list(report["rows"][0]), [list(row.values()) for row in report["rows"]]))
    return "\n".join(lines)
