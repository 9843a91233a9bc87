"""The size of the cache folder by what lies in it, and a clean-up of what can be worked out again."""

import streamlit as st

from lga_core.models.sources.cache import REMOVABLE, VARIABLE, Removable, cache_parts, cap_bytes, clean
from lga_core.models.sources.files import cache_home, gigabytes
from pages._ui.session.state import session, widget
from pages._ui.shell.elements import button, table
from pages._ui.shell.text import safe


def show() -> None:
    """Closed at first: the folder is looked through when it is opened."""
    opened = st.expander("Disk space", icon=":material/hard_drive:", key="cache_open", on_change="rerun")
    if not opened.open:
        return
    with opened:
        parts = cache_parts()
        cap = cap_bytes()
        limit = f"no cap ({VARIABLE} sets one)" if cap is None else f"cap {gigabytes(cap)}"
        st.caption(f"{gigabytes(sum(part.bytes for part in parts))} in {safe(str(cache_home()))}, {limit}.")
        rows = [
            {
                "what": part.name,
                "size": gigabytes(part.bytes),
                "can be worked out again": "yes" if part.removable else "no",
            }
            for part in parts
        ]
        table(rows, alt="Table of what the cache folder holds")
        chosen = st.pills(
            "Remove",
            REMOVABLE,
            selection_mode="multi",
            key="cache_kinds",
            help="It is worked out again when it is needed: second moments take about a minute for a small model.",
        )
        button("Remove", "cache_clean", _clean, icon="delete_sweep", disabled=not chosen)


def _clean() -> None:
    kinds: list[Removable] = widget("cache_kinds", [])
    st.toast(f"{gigabytes(clean(kinds))} freed.")
    session().estimates.clear()  # they may be of what was there
