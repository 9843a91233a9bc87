"""Tells the browser which of Streamlit's scripts the first view needs, so that it fetches them while it starts.

Streamlit asks for a widget's script when the first such widget arrives: plotly's, of 5 MB, came last of all.
"""

from pathlib import Path

import streamlit
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

SCRIPTS = Path(streamlit.__file__).parent / "static" / "static" / "js"
FIRST_VIEW = ("PlotlyChart", "Table", "arrowFormatUtils", "Selectbox", "NumberInput", "BidiComponent")


def links(folder: Path = SCRIPTS) -> str:
    """The header that names them; a script that this version of Streamlit does not have is left out."""
    files = [file for name in FIRST_VIEW for file in sorted(folder.glob(f"{name}.*.js"))]
    return ", ".join(f"<./static/js/{file.name}>; rel=modulepreload; crossorigin" for file in files)


class Preload:
    """Adds the header to every page, which are those answers that are HTML."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._links = links()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_with_links(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                if headers.get("content-type", "").startswith("text/html"):
                    headers["link"] = self._links
            await send(message)

        await self._app(scope, receive, send_with_links if scope["type"] == "http" else send)
