"""How the server hands its files out: pages name their scripts and bring their look, and answers are not held back."""

import asyncio
import socket
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import psutil
import pytest
from starlette.datastructures import Headers
from starlette.middleware.gzip import GZipMiddleware
from starlette.responses import FileResponse, HTMLResponse, JSONResponse, Response
from starlette.types import ASGIApp, Message

from pages._ui.frame.document import FIRST_VIEW, LOOK, SCRIPTS, Document, links
from pages._ui.frame.no_delay import no_delay

Result = TypeVar("Result")


def test_every_script_of_the_first_view_is_there_once():
    for name in FIRST_VIEW:
        assert len(list(SCRIPTS.glob(f"{name}.*.js"))) == 1, name


def test_a_script_that_is_not_there_is_left_out(tmp_path):
    (tmp_path / "Table.abc.js").write_text("")
    assert links(tmp_path) == "<./static/js/Table.abc.js>; rel=modulepreload; crossorigin"


def test_streamlits_page_names_its_scripts_and_brings_its_look():
    page = SCRIPTS.parents[1] / "index.html"
    headers, body = sent(Document(FileResponse(page, media_type="text/html")))
    before, after = page.read_bytes().split(b"</body>")
    assert body == before + LOOK + b"</body>" + after
    assert headers["link"] == links() and int(headers["content-length"]) == len(body)
    assert "etag" not in headers and "last-modified" not in headers, "a browser would keep an earlier version's look"


def test_a_page_that_would_be_compressed_has_the_look_too():
    page = GZipMiddleware(HTMLResponse("<body></body>"), minimum_size=1)
    asked = {"accept": "text/html,*/*", "accept-encoding": "gzip"}
    assert sent(page, **asked)[0]["content-encoding"] == "gzip"
    assert sent(Document(page), **asked)[1] == b"<body>" + LOOK + b"</body>"
    kept = GZipMiddleware(JSONResponse({}), minimum_size=1)
    assert sent(Document(kept), **asked | {"accept": "*/*"})[0]["content-encoding"] == "gzip"


@pytest.mark.parametrize("answer", [JSONResponse({}), Response(status_code=304), HTMLResponse("</body>", 404)])
def test_other_answers_are_left_alone(answer: Response):
    assert sent(Document(answer)) == sent(answer)


def test_a_page_without_an_end_is_left_whole():
    headers, body = sent(Document(HTMLResponse("<p>A page</p>")))
    assert body == b"<p>A page</p>" and int(headers["content-length"]) == len(body)


def test_connections_of_a_socket_that_names_no_protocol_are_not_held_back():
    async def accepted_without_delay() -> bool:
        with socket.create_server(("127.0.0.1", 0)) as listening:
            assert listening.proto == 0  # as Streamlit's
            async with no_delay(None):
                with socket.create_connection(listening.getsockname()), listening.accept()[0] as connection:
                    return connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) != 0

    assert run(accepted_without_delay())


def test_a_process_that_may_not_see_its_sockets_serves_nevertheless(monkeypatch):
    def refused(self, kind):
        raise psutil.AccessDenied(self.pid)

    monkeypatch.setattr(psutil.Process, "net_connections", refused)

    async def begun() -> bool:
        async with no_delay(None):
            return True

    assert run(begun())


def sent(app: ASGIApp, **headers: str) -> tuple[Headers, bytes]:
    """The headers and the body of the app's answer to one request with these headers."""
    messages: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request"}

    async def send(message: Message) -> None:
        messages.append(message)

    asked = {"type": "http", "asgi": {"spec_version": "2.4"}, "method": "GET", "path": "/"}
    asked["headers"] = [(name.encode(), value.encode()) for name, value in headers.items()]
    run(app(asked, receive, send))
    begin, *parts = messages
    return Headers(raw=begin["headers"]), b"".join(part["body"] for part in parts)


def run(work: Coroutine[Any, Any, Result]) -> Result:
    """In a thread of its own: a browser test that came before has left a running loop in this one."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, work).result()
