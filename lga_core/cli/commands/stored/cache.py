"""`cache`: what the cache folder holds, and making room in it."""

import math
from dataclasses import asdict
from typing import Annotated

import typer

from lga_core.cli.options import Common
from lga_core.cli.output import answer, table
from lga_core.errors import LgaError


def cache(
    common: Common,
    shrink: Annotated[
        float | None,
        typer.Option(
            metavar="GB",
            min=0,
            help="Remove second moments and v*, until it has so many gigabytes in all.",
        ),
    ] = None,
    clean: Annotated[
        list[str] | None, typer.Option(metavar="KIND", help="Remove all of it: moments, values (v*), texts.")
    ] = None,
) -> None:
    """Show what the cache folder holds; make room in it. Models, stored runs and kept edits are never removed."""
    from lga_core.models.sources.cache import REMOVABLE, Removable, cache_parts, cap_bytes
    from lga_core.models.sources.cache import clean as remove
    from lga_core.models.sources.cache import shrink as make_room
    from lga_core.models.sources.files import cache_home, gigabytes

    names: dict[str, Removable] = {kind: kind for kind in REMOVABLE} | {"moments": "second moments", "values": "v*"}
    unknown = [name for name in clean or () if name not in names]
    if unknown:
        raise LgaError(
            f"Nothing in the cache is called {unknown[0]!r}.", hint="--clean takes moments, values or texts."
        )
    if shrink is not None and not math.isfinite(shrink):
        raise LgaError(f"--shrink {shrink} is no number of gigabytes.", hint="Name one, as --shrink 20.")
    freed = remove([names[name] for name in clean]) if clean else 0
    freed += make_room(int(shrink * 1e9)) if shrink is not None else 0
    parts = cache_parts()
    total = sum(part.bytes for part in parts)
    cap = cap_bytes()
    rows = [[part.name, gigabytes(part.bytes), "yes" if part.removable else "no"] for part in parts]
    lines = [
        table(["what", "size", "can be worked out again"], rows),
        f"{gigabytes(total)} in {cache_home()}, cap {'none' if cap is None else gigabytes(cap)}",
    ]
    if clean or shrink is not None:
        lines.append(f"{gigabytes(freed)} freed")
    if shrink is not None and total > shrink * 1e9:
        lines.append("Nothing more can be removed for --shrink: no models, stored runs, texts, or what is in use.")
    report = {"folder": str(cache_home()), "bytes": total, "cap_bytes": cap, "freed_bytes": freed}
    answer(common, {**report, "parts": list(map(asdict, parts))}, "\n".join(lines))
