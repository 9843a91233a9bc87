"""`bench`: the benchmarks, each a fast way beside the plain one in the same run."""

from functools import partial
from typing import Annotated, Any

import typer

from lga_core.cli.options import Common
from lga_core.cli.output import answer, progress_line, table
from lga_core.errors import LgaError

OF_ONE = {"unit": "paper", "sessions": "load", "minutes": "load"}  # options that one benchmark alone has


def bench(
    common: Common,
    name: Annotated[str | None, typer.Argument(help="One benchmark; without a name they are listed.")] = None,
    model: Annotated[
        str, typer.Option(metavar="MODEL", help="The model that is timed; of `load` also tiny.")
    ] = "smollm2-135m",
    unit: Annotated[
        str | None, typer.Option(metavar="SET/EDITOR", help="Of `paper`: one unit alone, as world/r-rome.")
    ] = None,
    sessions: Annotated[
        int | None, typer.Option(min=1, help="Of `load`: browser sessions at once, 8 where left out.")
    ] = None,
    minutes: Annotated[
        float | None, typer.Option(min=0, help="Of `load`: how long with one server and with two, 10 each.")
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
    own = {"unit": unit, "sessions": sessions, "minutes": minutes}
    given = {option: value for option, value in own.items() if value is not None}
    for option in given:
        if name != OF_ONE[option]:
            raise LgaError(f"bench {name} has no --{option}.", hint=f"Leave it out, or run bench {OF_ONE[option]}.")
    chosen = partial(chosen, **given)
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
