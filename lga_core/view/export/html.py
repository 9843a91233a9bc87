"""Results in forms that leave the program: a figure as one HTML file, a line for EasyEdit's settings."""

from collections.abc import Sequence

import plotly.graph_objects as go

from lga_core.view.export import page


def standalone_html(figure: go.Figure, title: str = "Layer scores") -> str:
    """One HTML page with this figure on the ground of its own theme; it needs no network.

    A copy is changed, never `figure`. Hosts that set a default template of their own have no say in it.
    """
    name = (figure.layout.meta or {}).get("theme", "light")
    return page.page(title, page.figure({name: figure}, title), [name])


def easyedit_line(layers: Sequence[int]) -> str:
    """The line for an EasyEdit hyper-parameter file: `layers: [11, 12]`."""
    return f"layers: [{', '.join(str(layer) for layer in layers)}]"
