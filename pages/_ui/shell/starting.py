"""The button that starts a job for a part of the app. `jobs` shows how far it is, `errors.job_outcome` how it ended."""

from typing import Any

import streamlit as st

from lga_core.service.process.jobs import Job
from lga_core.service.requests import Request
from pages._ui.shell import jobs


def start_button(
    label: str,
    icon: str,
    area: str,
    request: Request,
    title: str,
    *,
    place: Any = st,
    disabled: bool = False,
    **look: Any,
) -> None:
    """Starts `request` under `title`; disabled while a job of this `area` runs."""
    place.button(
        label,
        icon=f":material/{icon}:",
        disabled=disabled or jobs.is_running(area),
        on_click=start_once,
        args=(area, request, title),
        **look,
    )


def start_once(area: str, request: Request, title: str) -> Job | None:
    """Start the job; None where one of this area runs: a second click was faster than the page."""
    return None if jobs.is_running(area) else jobs.start(area, request, title)
