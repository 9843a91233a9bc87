"""`report`: stored runs of one model as one HTML page."""

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from lga_core.cli.options import Common
from lga_core.cli.output import answer, write_out

DEFAULT = Path("report.html")


def report(
    common: Common,
    runs: Annotated[list[str], typer.Argument(metavar="RUN…", help="Keys, their first letters, or titles.")],
) -> None:
    """Write stored runs of one model and set as one HTML page (--out, report.html) that needs no network."""
    from lga_core.runs.storage.index import RunIndex
    from lga_core.runs.storage.store import Store
    from lga_core.service.reading.report_runs import report_of_runs
    from lga_core.view.export.report_html import report_html

    store = Store()
    index = RunIndex(store)
    made = report_of_runs([index.one(name) for name in runs], store)
    out = common.out or DEFAULT
    content = report_html(made)
    replaced = " (replaced)" if out.is_file() else ""
    write_out(out, content)
    written = {"file": str(out), "runs": [item.provenance.key for item in made.runs]}
    answer(replace(common, out=None), written, f"{made.title}: {len(content) / 1e6:.1f} MB in {out}{replaced}")
