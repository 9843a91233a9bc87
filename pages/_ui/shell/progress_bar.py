"""The bar of a running job. It asks the progress feed itself, and has a part of the page run at another stage only."""

import streamlit as st

from lga_core.service.process.jobs import Job
from pages._ui.shell.progress_feed import follow

_HTML = """
<div class="words"><b></b><span></span></div>
<div class="track" role="progressbar" aria-valuemin="0" aria-valuemax="100"><div class="done"></div></div>
"""
_CSS = """
.words { font-family: var(--st-font); font-size: 0.875rem; line-height: 1.5; color: var(--st-text-color); }
.words b, .words span { display: block; overflow-wrap: anywhere; }
.words b { font-weight: 600; }
.track { height: 0.5rem; margin-top: 0.375rem; border-radius: 0.25rem; overflow: hidden;
    background: color-mix(in srgb, var(--st-text-color) 15%, transparent); }
.done { height: 100%; width: 0; background: var(--st-primary-color); }
"""
_JS = """
const RETRY_MS = 3000;  // where the feed does not answer: the script then tells how far it is
const OVER = "over";  // the mark of a job that has ended: the script shows its bar only until it is told

// Called with every run of the script, which has told `data`.
export default function ({ parentElement, data, setTriggerValue }) {
    const paint = ({ fraction, words }) => {
        const percent = Math.round(100 * fraction);
        parentElement.querySelector("b").textContent = data.title;
        parentElement.querySelector("span").textContent = words;
        parentElement.querySelector(".done").style.width = `${percent}%`;
        const track = parentElement.querySelector(".track");
        track.setAttribute("aria-valuenow", percent);
        track.setAttribute("aria-label", data.title);
    };
    const run = { live: true };
    if (parentElement.goldenLayersRun) parentElement.goldenLayersRun.live = false;
    parentElement.goldenLayersRun = run;
    paint(data);
    follow(run, data, paint, () => setTriggerValue("news", Date.now()));
    return () => { run.live = false; };
}

async function follow(run, data, paint, tell) {
    // Streamlit's own script is at base/static/js.
    const script = document.querySelector('script[src*="static/js/"]');
    const address = new URL(`../../job-progress/${data.ticket}`, script.src);
    let heard = data.mark;
    let told = 0;  // when the script was told last: again after a while, for one word may be lost
    while (run.live) {
        address.search = new URLSearchParams({ heard });
        const state = await fetch(address).then((reply) => reply.json()).catch(() => null);
        if (!run.live) return;
        if (state) paint(state);
        const isNew = !state || state.mark !== heard;
        const isUntold = state && (state.mark === OVER || state.mark !== data.mark);
        if (isNew || (isUntold && Date.now() - told > RETRY_MS)) {
            told = Date.now();
            tell();
        }
        if (!state || state.mark === OVER) await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
        heard = state ? state.mark : heard;
    }
}
"""
_component = st.components.v2.component("job_bar", html=_HTML, css=_CSS, js=_JS)


def progress_bar(job: Job, key: str) -> None:
    """How far the job is. In a fragment, that alone runs when the job is at another stage."""
    _component(key=key, data=follow(job), on_news_change=lambda: None)
