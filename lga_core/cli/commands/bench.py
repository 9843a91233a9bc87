"""`bench`: the benchmarks, each a fast way beside the plain one in the same run."""

from functools import partial
from typing import Annotated, Any

import typer

from lga_core.cli.options import Common
from lga_core.cli.output import answer, progress_line, table
from lga_core.errors import LgaError


def bench(
    common: Common,
    name: Annotated[str | None, typer.Argument(help="One benchmark; without a name they are listed.")] = None,
    model: Annotated[str, typer.Option(metavar="MODEL", help="The model that is timed.")] = "smollm2-135m",
    unit: Annotated[
        str | None, typer.Option(metavar="SET/EDITOR", help="Of `paper`: one unit alone, as world/r-rome.")
    ] = None,
) -> None:
    """Run a benchmark, or list them."""
    from lga_core.bench import BENCHES
    from lga_core.runs.checks import one_of

    if name is None:
        listed = [{"name": key, "about": _about(function)} for key, function in BENCHES.items()]
        answer(common, listed, table(["benchmark", "what it compares"], [list(item.values()) for item in listed]))
        return
    chosen = one_of("benchmark", name, BENCHES)
    if unit is not None:
        if name != "paper":
            raise LgaError(f"bench {name} has no units.", hint="Leave --unit out, or run bench paper.")
        chosen = partial(chosen, unit=unit)
    with progress_line(common) as report:
        measured = chosen(model, limit=common.limit, seed=common.seed, report=report)
    answer(common, measured, _text(measured))


def _about(function: Any) -> str:
    return (function.__doc__ or "").strip().splitlines()[0]


def _text(measured: dict[str, Any]) -> str:
    speedup = measured["speedup"]
    lines = [f"{measured['name']}: {measured['seconds']:.1f} s"]
    if speedup is not None:
        lines = [
            f"{measured['name']}: {speedup:.1f} times faster",
            f"plain {measured['baseline_seconds']:.1f} s, ours {measured['seconds']:.1f} s",
        ]
    lines.append(str(measured["machine"]))
    if measured["rows"]:
        lines.append(table(list(measured["rows"][0]), [list(row.values()) for row in measured["rows"]]))
    return "\n".join(lines)
