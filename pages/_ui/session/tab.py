"""What the browser keeps: the tab's own name, so that a reload finds its jobs and results again, and whether the guided
path was dismissed. No two pages that live have one name."""

from dataclasses import replace

import streamlit as st

from lga_core.service.ledger_requests import LoadEditSet, WriteEdits
from pages._ui.runs import opening
from pages._ui.session.state import Kept, adopt, kept, session
from pages._ui.shell import jobs
from pages._ui.shell.engine import engine

_JS = """
export default function ({ data, setStateValue }) {
    const guide = "golden-layers-guide-off";
    if (data.guide_off) window.localStorage.setItem(guide, "yes");
    else if (data.guide_off === false) window.localStorage.removeItem(guide);
    else if (window.localStorage.getItem(guide)) setStateValue("guide_off", true);
    window.goldenLayersTab ??= ownName();  // once a page: this is called again for each change of data or theme
    // Said once: what elements say at one moment is one message, and a fragment's makes it run that fragment alone.
    if (!data.recognized) window.goldenLayersTab.then((name) => setStateValue("name", name));
}

// The name that a reload finds again. A new tab has none, and a duplicated one has a copy of its original's.
async function ownName() {
    const key = "golden-layers-tab";
    let name = window.sessionStorage.getItem(key);
    while (!name || !(await hold(name))) {
        const numbers = window.crypto.getRandomValues(new Uint32Array(4));
        name = Array.from(numbers, (number) => number.toString(16).padStart(8, "0")).join("");
        window.sessionStorage.setItem(key, name);
    }
    return name;
}

// Lock the name for as long as this page lives. False: a page that lives has it.
function hold(name) {
    if (!navigator.locks) return true;  // browsers lock nothing for a page without https that is not of this machine
    return new Promise((resolve) => {
        const keep = (lock) => {
            resolve(lock !== null);
            return lock && new Promise(() => {});  // never given back
        };
        navigator.locks.request(`golden-layers-${name}`, { ifAvailable: true }, keep).catch(() => resolve(true));
    });
}
"""
_component = st.components.v2.component("browser_tab", html="<span></span>", js=_JS)


def recognize() -> None:
    """Take back what the tab had before a reload, as soon as the browser has said which tab it is.

    The whole page runs again where that changes it.
    """
    remembered = _component(
        key="browser_tab",
        height=0,
        data={"guide_off": kept().guide_off, "recognized": session().recognized},
        on_name_change=lambda: None,
        on_guide_off_change=lambda: None,
    )
    name = getattr(remembered, "name", None)
    if not isinstance(name, str):
        return
    before = kept()
    known = adopt(name)
    if known:
        _restart_edits(before)
    session().recognized = True
    dismissed = kept().guide_off is None and getattr(remembered, "guide_off", False)
    if dismissed:
        kept().guide_off = True
    if opening.open_first(known=known) or known or dismissed:
        here = session()
        here.notices = [*here.said, *here.notices]  # nobody has read them yet
        st.rerun()


def _restart_edits(before: Kept) -> None:
    """Edits that were kept before the tab was known went to a ledger that nothing shows: they are made in the tab's."""
    for area, job in before.jobs.items():
        if isinstance(job.request, WriteEdits | LoadEditSet):
            engine().cancel(job)
            kept().ledger_jobs += 1
            jobs.start(area, replace(job.request, session=kept().id, number=kept().ledger_jobs), job.title)
