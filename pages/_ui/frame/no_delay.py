"""Answers leave the server at once, whatever their size.

Streamlit's listening socket names no protocol, so asyncio does not turn Nagle's algorithm off for its connections. A
small answer then waits until the browser has acknowledged the one before, up to 40 ms for each of a page's 60 scripts.
"""

import os
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import psutil


@asynccontextmanager
async def no_delay(_app: Any) -> AsyncIterator[None]:
    """While the server runs: what it sends is not held back. Connections take the setting from the listening socket."""
    with suppress(psutil.Error, OSError):  # where a process may not see its sockets, the server is slower and runs
        for connection in psutil.Process().net_connections("tcp"):
            if connection.status == psutil.CONN_LISTEN:
                with socket.socket(fileno=os.dup(connection.fd)) as listening:
                    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    yield
