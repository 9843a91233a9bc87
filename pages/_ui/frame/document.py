"""What Streamlit's HTML says for this program: which scripts the first view needs, and how every page looks.

Streamlit asks for a widget's script when the first such widget arrives: plotly's, of 5 MB, came last of all. A style
that a page's script sends comes seconds after the page's first elements; until then Streamlit's placeholders pulse.
"""

from pathlib import Path

import streamlit
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from pages._ui.frame import guide, narrow, theme

SCRIPTS = Path(streamlit.__file__).parent / "static" / "static" / "js"
FIRST_VIEW = ("PlotlyChart", "Table", "arrowFormatUtils", "Selectbox", "NumberInput", "BidiComponent")
LOOK = f"<style>{theme.LOOK}{narrow.LOOK}{guide.LOOK}</style>".encode()
_END = b"</body>"  # after Streamlit's own styles, which stand in the head


def links(folder: Path = SCRIPTS) -> str:
    """The header that names the scripts; one that this version of Streamlit does not have is left out."""
    files = [file for name in FIRST_VIEW for file in sorted(folder.glob(f"{name}.*.js"))]
    return ", ".join(f"<./static/js/{file.name}>; rel=modulepreload; crossorigin" for file in files)


class Document:
    """Adds the header and the look to every page, which are those answers that are HTML."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._links = links()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        if "text/html" in Headers(scope=scope).get("accept", ""):  # a page: it is asked for as it can be read here
            scope = {**scope, "headers": [item for item in scope["headers"] if item[0] != b"accept-encoding"]}
        begin: Message | None = None  # of an answer that is HTML: sent with its body, whose length the look changes

        async def send_with_look(message: Message) -> None:
            nonlocal begin
            if message["type"] == "http.response.start" and _is_page(message):
                begin = message
                return
            if begin is not None:
                message = _with_look(begin, message, self._links)
                await send(begin)
                begin = None
            await send(message)

        await self._app(scope, receive, send_with_look)


def _is_page(begin: Message) -> bool:
    return begin["status"] == 200 and MutableHeaders(scope=begin).get("content-type", "").startswith("text/html")


def _with_look(begin: Message, body: Message, scripts: str) -> Message:
    """The first part of a page's body with the look in it; `begin` has its headers changed."""
    headers = MutableHeaders(scope=begin)
    headers["link"] = scripts
    content = body.get("body", b"")
    if _END not in content:
        return body
    for name in ("etag", "last-modified"):  # of the file: a browser would keep the look of an earlier version
        if name in headers:
            del headers[name]
    if "content-length" in headers:
        headers["content-length"] = str(int(headers["content-length"]) + len(LOOK))
    return {**body, "body": content.replace(_END, LOOK + _END, 1)}
