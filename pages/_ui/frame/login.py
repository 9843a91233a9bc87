"""A login before anything is drawn, where .streamlit/secrets.toml has a section [auth]: Streamlit's own OIDC."""

from pathlib import Path

import streamlit as st

from lga_core.errors import LgaError
from lga_core.view.words.text import shorten
from pages._ui.frame import theme
from pages._ui.shell.elements import button
from pages._ui.shell.errors import boxed, error_box
from pages._ui.shell.text import plain, safe

NAMES = ("email", "preferred_username", "name", "sub")  # claims that say who somebody is, the best one first
NAME_WIDTH = 60  # columns
_DAMAGED = LgaError(
    "The settings of the login cannot be read.",
    hint="Nothing is shown until secrets.toml is valid; the server’s log says what is wrong with it.",
)
# The provider sends everybody back to the first page, logged in or not. So the browser keeps the address at which the
# button was pressed: inside, it is opened again; outside, it tells that the login failed. Outside, the tab's name is
# forgotten: who logs in next gets no edits of the one before.
# Streamlit calls this again whenever the theme changes, and at the end the cleanup of the last call alone.
_JS = """
const KEY = "golden-layers-asked";
const asksNothing = (address) => address.pathname.endsWith("/") && !address.search;
export default function ({ parentElement, data, setStateValue }) {
    parentElement.goldenLayersStop?.();
    const storage = window.sessionStorage;
    const asked = storage.getItem(KEY);
    if (data.inside) {
        storage.removeItem(KEY);
        if (asked && !asksNothing(new URL(asked))) window.location.replace(asked);
        return;
    }
    storage.removeItem("golden-layers-tab");
    if (asked) setStateValue("failed", true);
    const keep = (event) => {
        if (!event.target.closest(".st-key-log_in")) return;
        storage.setItem(KEY, asked && asksNothing(window.location) ? asked : window.location.href);
    };
    document.addEventListener("click", keep, true);
    const stop = () => document.removeEventListener("click", keep, true);
    parentElement.goldenLayersStop = stop;
    return stop;
}
"""
_browser = st.components.v2.component("login_in_browser", html="<span></span>", js=_JS)


def may_enter() -> bool:
    """Whether this visitor is logged in, or no login is configured."""
    return _is_logged_in() or not (_is_damaged() or (st.secrets.load_if_toml_exists() and "auth" in st.secrets))


def require_login() -> None:
    """Ends the script with a button to log in. Nothing is asked where no login is configured."""
    if may_enter():
        return
    theme.watch()
    st.header("Golden layers")
    if _is_damaged():
        error_box(_DAMAGED)
    else:
        _ask()
    st.stop()


def account() -> None:
    """At the end of the sidebar, where somebody has logged in: who it is, and the way out."""
    if not _is_logged_in():
        return
    _browser(key="login_in_browser", height=0, data={"inside": True})
    st.caption(f"Logged in as {safe(shorten(_name(), NAME_WIDTH))}")
    button("Log out", "log_out", st.logout, icon="logout", type="tertiary")


def _ask() -> None:
    st.caption("This server asks who you are.")
    remembered = _browser(key="login_in_browser", height=0, data={"inside": False}, on_failed_change=lambda: None)
    if getattr(remembered, "failed", False):
        st.warning("The last login was not completed. You can try again.", icon=":material/no_accounts:")
    button("Log in", "log_in", _begin, icon="login", type="primary")


def _begin() -> None:
    with boxed("The login"):
        st.login()


def _is_logged_in() -> bool:
    return st.user.to_dict().get("is_logged_in") is True


def _is_damaged() -> bool:
    """Whether secrets are there and cannot be read: Streamlit takes such a file for none, so lets everybody in."""
    files = st.get_option("secrets.files")
    return any(Path(file).exists() for file in files) and not st.secrets.load_if_toml_exists()


def _name() -> str:
    """What the provider calls the visitor; it may be anything."""
    user = st.user.to_dict()
    return next((plain(str(user[claim])) for claim in NAMES if user.get(claim)), "somebody without a name")
