"""How the server hands its files out: the first view's scripts are named in time, and answers are not held back."""

import asyncio
import socket
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import psutil
from starlette.datastructures import Headers
from starlette.responses import HTMLResponse, JSONResponse
from starlette.types import ASGIApp, Message

from pages._ui.frame.no_delay import no_delay
from pages._ui.frame.preload import FIRST_VIEW, SCRIPTS, Preload, links

Result = TypeVar("Result")


def test_every_script_of_the_first_view_is_there_once():
    for name in FIRST_VIEW:
        assert len(list(SCRIPTS.glob(f"{name}.*.js"))) == 1, name


def test_a_script_that_is_not_there_is_left_out(tmp_path):
    (tmp_path / "Table.abc.js").write_text("")
    assert links(tmp_path) == "<./static/js/Table.abc.js>; rel=modulepreload; crossorigin"


def test_pages_name_their_scripts_and_other_answers_do_not():
    assert headers_sent(Preload(HTMLResponse("<p>A page</p>")))["link"] == links()
    assert "link" not in headers_sent(Preload(JSONResponse({})))


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


def headers_sent(app: ASGIApp) -> Headers:
    """The headers of the app's answer to one request."""
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request"}

    async def send(message: Message) -> None:
        sent.append(message)

    run(app({"type": "http", "method": "GET", "path": "/", "headers": []}, receive, send))
    return Headers(raw=sent[0]["headers"])


def run(work: Coroutine[Any, Any, Result]) -> Result:
    """In a thread of its own: a browser test that came before has left a running loop in this one."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, work).result()
