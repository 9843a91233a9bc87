"""Elements that many pages draw alike: tables, cards with a number, files to download, a choice of one of a few."""

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

import pandas as pd
import streamlit as st

from lga_core.errors import explained
from lga_core.models.sources.catalogue import resolve
from lga_core.view.words.cards import Card
from lga_core.view.words.definitions import definition
from pages._ui.session.state import Question, cleared_when_done, session
from pages._ui.shell.errors import error_box
from pages._ui.shell.text import safe

HEAD_PIXELS, ROW_PIXELS = 35, 33  # of a table in the theme's font size, the frame with the head


def table(
    rows: Any,
    *,
    most: int | None = None,
    widths: Mapping[str, int] = {},
    digits: Mapping[str, int] = {},
    about: Mapping[str, str] = {},
    labels: Mapping[str, str] = {},
    right: Collection[str] = (),
    **settings: Any,
) -> Any:
    """Rows as a table of the page's width, at most `most` px high; what `st.dataframe` returns.

    By column: `widths` in px, `digits` after the point, `about`, which is shown on hover (its definition, where it has
    one and nothing is given), `labels` in place of names, and texts at the `right`. A column "record" is "#".
    """
    frame = pd.DataFrame(rows)
    columns = {}
    for name in frame.columns:
        label = labels.get(name, "#" if name == "record" else None)
        width = widths.get(name, 50 if name == "record" else None)
        shared = {"label": label, "width": width, "help": about.get(name) or definition(str(name))}
        if name in digits:
            columns[name] = st.column_config.NumberColumn(format=f"%.{digits[name]}f", **shared)
        elif name in right:
            columns[name] = st.column_config.TextColumn(alignment="right", **shared)
        elif any(shared.values()):
            columns[name] = st.column_config.Column(**shared)
    settings.setdefault("placeholder", "")  # else a cell without a value says "None"
    height = "auto" if most is None else min(HEAD_PIXELS + ROW_PIXELS * max(len(frame), 1), most)
    return st.dataframe(frame, hide_index=True, width="stretch", height=height, column_config=columns, **settings)


def cards(row: Sequence[Card]) -> None:
    """Numbers side by side."""
    for place, each in zip(st.columns(len(row), gap="small"), row, strict=True):
        with place:
            card(each)


def card(one: Card) -> None:
    """A number with what it is. What explains it is its definition, unless it says something itself."""
    about = one.help or definition(one.label)
    st.metric(one.label, one.value, one.below or None, delta_color="off", delta_arrow="off", border=True, help=about)


def download(label: str, content: Callable[[], Any], file_name: str, mime: str, **settings: Any) -> None:
    """A file to take away; it is made when it is asked for. Why it could not be made is shown until it can."""
    failures = session().failed_files  # Streamlit makes the file outside of the page, which has no session there

    def made() -> Any:
        failures.pop((label, file_name), None)
        try:
            return content()
        except Exception as error:  # of which Streamlit tells the browser nothing but that there was one
            failures[label, file_name] = explained(label, error, hint="Its traceback is in the program’s log.")
            raise

    st.download_button(
        label, made, file_name=file_name, mime=mime, on_click="ignore", icon=":material/download:", **settings
    )
    if (failure := failures.get((label, file_name))) is not None:
        error_box(failure)


def choice(label: str, options: Sequence[Any], key: str, default: Any, *, place: Any = st, **settings: Any) -> Any:
    """One of a few, side by side; there is always one chosen, and it stays so in this browser tab."""
    return place.segmented_control(
        label, options, key=key, default=default, required=True, persist_state="session", **settings
    )


def number_field(
    label: str, least: float, most: float | None, default: float | None, key: str, *, place: Any = st, **settings: Any
) -> Any:
    """A number within bounds, which stays in this browser tab."""
    return place.number_input(label, least, most, default, key=key, persist_state="session", **settings)


def text_field(label: str, key: str, *, place: Any = st, **settings: Any) -> str:
    """A line of text, which stays in this browser tab."""
    return place.text_input(label, key=key, persist_state="session", **settings)


def toggle(label: str, key: str, *, place: Any = st, **settings: Any) -> bool:
    """On or off, which stays in this browser tab."""
    return place.toggle(label, key=key, persist_state="session", **settings)


def button(
    label: str, key: str, on_click: Callable[..., Any] | None, *args: Any, icon: str = "", **settings: Any
) -> bool:
    """Calls `on_click(*args)` when it is pressed. `icon`: its name among Material's."""
    sign = f":material/{icon}:" if icon else None
    return st.button(label, key=key, on_click=on_click, args=args, icon=sign, **settings)


def act_button(
    label: str, key: str, act: Callable[..., Any], *args: Any, disabled: bool = False, **settings: Any
) -> None:
    """Calls `act(*args)` when it is pressed, and draws the page anew.

    It does so where the page that follows the click comes to this button. The button's callback would have the
    arguments with which it was drawn, and nothing of what was typed right before the click.
    """
    button(label, key, _press, key, disabled=disabled, **settings)
    if session().pressed == key:
        with cleared_when_done("pressed", None):
            if not disabled:
                act(*args)
        st.rerun()


def _press(key: str) -> None:
    session().pressed = key


def hint(words: str, icon: str = "info") -> None:
    """Why there is nothing to see yet, and what to do."""
    st.info(words, icon=f":material/{icon}:")


def waiting(words: str) -> None:
    """A job runs, and what will appear here when."""
    hint(words, "hourglass_top")


def tabs(parts: Mapping[str, Callable[[], None]], key: str) -> None:
    """Each part in a tab of its own. Only the open one is drawn: what nobody sees would cost the browser as much."""
    for place, draw in zip(st.tabs(list(parts), key=key, on_change="rerun"), parts.values(), strict=True):
        if place.open:
            with place:
                draw()


def page_head(title: str, about: str = "") -> Question | None:
    """The title, and below it what the sidebar asks, which is returned, and what the page does with it.

    Where the sidebar names no model, the page says so.
    """
    st.title(title)
    question = session().question
    if question is None:
        hint("Choose a model and a proxy set in the sidebar.")
    else:
        st.caption(f"{safe(resolve(question.model).title)} · {safe(question.facts)}{'. ' if about else ''}{about}")
    return question
