"""The connection to a Ray cluster. Only here is `ray` imported, and late: it is optional."""

import importlib
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

from lga_core.errors import LgaError
from lga_core.resources import IMPORT_ROOT

LOCAL, AUTO = "local", "auto"  # Ray's own words: a cluster for this run alone; the one that runs here
CONNECT_SECONDS = 5.0  # Ray itself goes on trying for minutes
CURRENT_CLUSTER = Path("/tmp/ray/ray_current_cluster")  # where `ray start` leaves its address
SENT = ("lga_core", "assets")  # of this project, to machines of a cluster


def require_ray() -> ModuleType:
    """The package `ray`. Raises LgaError where it is not installed."""
    try:
        return importlib.import_module("ray")
    except ImportError as error:
        raise LgaError(
            "A sweep on a cluster needs the package ray, which is not installed.",
            hint="`pip install ray`, or sweep without --ray.",
        ) from error


@contextmanager
def connected(ray: ModuleType, address: str) -> Iterator[None]:
    """Ray at that address. A connection that is there already is used, whatever the address, and left as it is.

    Raises LgaError where no cluster can be reached.
    """
    if ray.is_initialized():
        yield
        return
    _connect(ray, address)
    try:
        yield
    finally:
        ray.shutdown()


def _connect(ray: ModuleType, address: str) -> None:
    quiet = {"log_to_driver": False, "logging_level": "error"}
    try:
        if address == LOCAL:
            os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # nothing leaves this machine
            ray.init(address=LOCAL, include_dashboard=False, **quiet)
            return
        if head := _head(address):
            host, _, port = head.rpartition("://")[2].rpartition(":")
            if not port.isdecimal():
                raise ValueError("that is no address")
            socket.create_connection((host.strip("[]"), int(port)), timeout=CONNECT_SECONDS).close()
        ray.init(address=address, runtime_env=_code(), **quiet)
    except (OSError, ValueError, RuntimeError, OverflowError) as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0].rstrip(".")
        hint = f"Name its head as HOST:6379, {AUTO} on one of its machines (`ray start`), or {LOCAL}."
        if "InvalidAuthToken" in str(error.__cause__):
            reason = "it asks for its token"
            hint = "Set RAY_AUTH_MODE=token, and the cluster's token as Ray describes."
        raise LgaError(f"No Ray cluster can be reached at {address!r}: {reason}.", hint=hint) from error


def _head(address: str) -> str | None:
    """HOST:PORT of the cluster's head, as Ray finds it too; None where nothing names it."""
    if address != AUTO:
        return address
    try:
        return os.environ.get("RAY_ADDRESS") or CURRENT_CLUSTER.read_text().strip()  # also of one that was killed
    except OSError:
        return None


def _code() -> dict[str, Any]:
    """This project, for machines that lack it or have another state of it."""
    others = [f"/{path.name}" for path in IMPORT_ROOT.iterdir() if path.name not in SENT]
    return {"working_dir": str(IMPORT_ROOT), "excludes": [*others, "__pycache__", "*.png"]}
