"""`app`: the dashboard."""

import importlib.util
import os
import sys

import typer

from lga_core.errors import LgaError
from lga_core.resources import DASHBOARD


def app(context: typer.Context) -> None:
    """Open the dashboard. Further arguments go to `streamlit run`, as --server.port 8502."""
    if importlib.util.find_spec("streamlit") is None:
        raise LgaError(
            "The dashboard needs the package streamlit, which is not installed.",
            hint="`pip install streamlit`, or use the other commands.",
        )
    command = [sys.executable, "-m", "streamlit", "run", str(DASHBOARD / "app.py"), *context.args]
    sys.stdout.flush()
    sys.stderr.flush()
    os.execv(sys.executable, command)  # in this process: what stops the command stops the server
