"""The mark of the recorded example: what it is, and one button that computes the same here."""

import streamlit as st

from lga_core.models.sources.catalogue import resolve
from lga_core.view.words.runs import recorded_sentence
from pages._ui.frame import sidebar
from pages._ui.session.state import kept, session
from pages._ui.shell.elements import button
from pages._ui.shell.engine import recorded_example, store
from pages._ui.shell.text import safe


def mark() -> None:
    """Above a page that shows recorded numbers, or none while the answer that the tab has open is recorded."""
    here = session()
    main = here.shown_run
    if main is None and kept().asked is not None:
        main = kept().run
    example = recorded_example()
    key = next((key for key in (main, *sorted(here.also_shown)) if key and store().is_recorded(key)), None)
    run = None if key is None else store().find(key)
    if example is None or run is None:
        return
    asked = run.provenance
    compute = here.compute or (sidebar.score if here.question == kept().asked else None)
    with st.container(border=True, horizontal=True, vertical_alignment="center"):
        title = resolve(asked.model).title
        said = recorded_sentence(
            title, asked.machine, asked.created, example.cores, example.torch, partly=main is not None and key != main
        )
        st.markdown(f":gray-badge[:material/history: Recorded] {safe(said)}")
        off = compute is None or any(job.alive for job in kept().jobs.values())
        about = "Fetches the model where it is not here, and measures the same with it."
        button("Compute it here", "compute_here", compute, icon="play_arrow", disabled=off, help=about)
        for other in example.models:
            if other.identity.name != asked.model:
                name = other.identity.name
                button(f"Show {resolve(name).title}", f"recorded_{name}", _open, other.runs)


def _open(runs: tuple[str, ...]) -> None:
    session().reopening = runs
