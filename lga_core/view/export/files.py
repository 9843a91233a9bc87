"""Results as files: a figure in HTML, a sweep in JSON."""

import json
from collections.abc import Mapping

import plotly.graph_objects as go

from lga_core.results import Stored, Sweep, Worth
from lga_core.view.export import page


def standalone_html(figure: go.Figure, title: str = "Layer scores") -> str:
    """One HTML page with this figure on the ground of its own theme; it needs no network.

    A copy is changed, never `figure`. Hosts that set a default template of their own have no say in it.
    """
    name = (figure.layout.meta or {}).get("theme", "light")
    return page.page(title, page.figure({name: figure}, title), [name])


def sweep_json(sweeps: Mapping[str, Sweep], worth: Worth | None, stored: Mapping[str, Stored]) -> str:
    """Everything in one object: each part's sweep, the verdicts, and the provenance; null for what is missing."""
    return json.dumps(
        {
            "sweeps": {part: json.loads(sweep.to_json()) for part, sweep in sweeps.items()},
            "worth": None if worth is None else json.loads(worth.to_json()),
            "provenance": {name: json.loads(item.provenance.to_json()) for name, item in stored.items()},
        },
        ensure_ascii=False,
    )
