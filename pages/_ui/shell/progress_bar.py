"""The bar of a running job, which follows it by itself, and a listener: a part of a page that runs at the job's news.

Both ask the progress feed. They have the part of the page in which they stand run: a bar at another stage of the job, a
listener when the job has something new to show.
"""

from collections.abc import Callable

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
_FOLLOW = """
const RETRY_MS = 3000;  // where the feed does not answer: the script then tells how far it is
const OVER = "over";  // the mark of a job that has ended: the script shows its bar only until it is told

// Ask for the job's state until another run of the script follows it. `mark`: which part of the state is news when it
// is another one than `data` has; then `tell` is called, whose word has the script run.
function follow(parentElement, data, mark, paint, tell) {
    const run = { live: true };
    if (parentElement.goldenLayersRun) parentElement.goldenLayersRun.live = false;
    parentElement.goldenLayersRun = run;
    ask(run, data, mark, paint, tell);
    return () => { run.live = false; };
}

async function ask(run, data, mark, paint, tell) {
    // Streamlit's own script is at base/static/js.
    const script = document.querySelector('script[src*="static/js/"]');
    const address = new URL(`../../job-progress/${data.ticket}`, script.src);
    let heard = data;
    let told = 0;  // when the script was told last: again after a while, for one word may be lost
    while (run.live) {
        address.search = new URLSearchParams({ heard: heard.mark });
        const state = await fetch(address).then((reply) => reply.json()).catch(() => null);
        if (!run.live) return;
        if (state) paint(state);
        const isNew = !state || state[mark] !== heard[mark];
        const isUntold = state && (state.mark === OVER || state[mark] !== data[mark]);
        if (isNew || (isUntold && Date.now() - told > RETRY_MS)) {
            told = Date.now();
            tell(state);
        }
        if (!state || state.mark === OVER) await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
        heard = state ?? heard;
    }
}
"""
# Both are called with every run of the script, which has told `data`.
_BAR_JS = """
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
    paint(data);
    return follow(parentElement, data, "mark", paint, () => setTriggerValue("news", Date.now()));
}
"""
_LISTENER_JS = """
export default function ({ parentElement, data, setTriggerValue }) {
    const tell = (state) => { if (state?.mark !== OVER) setTriggerValue("news", Date.now()); };  // the bar tells that
    return follow(parentElement, data, "shown", () => {}, tell);
}
"""
_bar = st.components.v2.component("job_bar", html=_HTML, css=_CSS, js=_BAR_JS + _FOLLOW)
_listener = st.components.v2.component("job_listener", html="<span></span>", js=_LISTENER_JS + _FOLLOW)


def progress_bar(job: Job, key: str) -> None:
    """How far the job is. In a fragment, that alone runs when the job is at another stage."""
    _bar(key=key, data=follow(job), on_news_change=lambda: None)


def drawn_with_news(job: Job, key: str, draw: Callable[[], None]) -> None:
    """A part of a page that is drawn again, and nothing beside it, each time that the job has something new to show.

    That the job has ended is told by its bar, with which the whole page runs.
    """

    @st.fragment(key=key)
    def part() -> None:
        if not job.alive:
            st.rerun()
        _listener(key=f"{key}_listener", height=0, data=follow(job), on_news_change=lambda: None)
        draw()

    part()
