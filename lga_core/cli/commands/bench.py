"""`bench`: the benchmarks, each a fast way beside the plain one in the same run."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import typer

from lga_core.cli.options import AcceptTerms, Common
from lga_core.cli.output import answer, progress_line, table
from lga_core.errors import LgaError, one_of

OF_ONE = {"unit": "paper", "sessions": "load", "minutes": "load"}  # options that one benchmark alone has
NO_MODEL = "scale"  # makes its models itself
DEFAULT_MODEL = "smollm2-135m"


@dataclass(frozen=True, kw_only=True)
class BenchOptions(Common):
    """A benchmark loads its model itself, on the device and in the dtype that are the default, and names its facts."""

    limit: Annotated[
        int | None, typer.Option(min=1, help="Facts; of `page` and `first` repeats, of `load` questions compared.")
    ] = None
    seed: Annotated[int, typer.Option(help="For everything drawn at random.")] = 0
    accept_terms: AcceptTerms = False


def bench(
    common: BenchOptions,
    name: Annotated[str | None, typer.Argument(help="One benchmark; without a name they are listed.")] = None,
    model: Annotated[
        str, typer.Option(metavar="MODEL", help="The model that is timed; of `load` also tiny. `scale` has none.")
    ] = DEFAULT_MODEL,
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
    from lga_core.bench.dashboard.load import TINY
    from lga_core.models.sources.catalogue import resolve
    from lga_core.models.sources.fetching.terms import accept_terms

    function = None if name is None else one_of("benchmark", name, BENCHES)
    own = {"unit": unit, "sessions": sessions, "minutes": minutes}
    given = {option: value for option, value in own.items() if value is not None}
    for option in given:
        if name != OF_ONE[option]:
            asked = "bench" if name is None else f"bench {name}"
            raise LgaError(f"{asked} has no --{option}.", hint=f"Leave it out, or run bench {OF_ONE[option]}.")
    if function is None:
        if common.limit is not None or common.seed or model != DEFAULT_MODEL:
            raise LgaError("bench without a name lists the benchmarks.", hint="Name the one to run before its options.")
        listed = [{"name": key, "about": _about(benchmark)} for key, benchmark in BENCHES.items()]
        answer(common, listed, table(["benchmark", "what it compares"], [list(item.values()) for item in listed]))
        return
    if name == NO_MODEL and model != DEFAULT_MODEL:
        raise LgaError(f"bench {name} has no --model: it makes its models itself.", hint="Leave it out.")
    if common.accept_terms and name != NO_MODEL and model != TINY:
        accept_terms(resolve(model))  # remembered, as each process of a benchmark loads the model
    with progress_line(common) as report:
        measured = dict.fromkeys(("name", "speedup", "baseline_seconds", "seconds", "peak_bytes"))
        measured |= function(model, limit=common.limit, seed=common.seed, report=report, **given)
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
        lines.append(_rows(measured["rows"]))
    return "\n".join(lines)


def _rows(rows: Sequence[dict[str, Any]]) -> str:
    """A table of all columns that a row has; n/a where another row lacks one."""
    columns = list(dict.fromkeys(column for row in rows for column in row))
    return table(columns, [[row.get(column) for column in columns] for row in rows])
