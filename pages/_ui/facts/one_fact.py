"""One fact typed in: the prompt with its subject in [brackets], the answers, and probes. Dialog and first page have it.

`form` tells the fields of the one place from those of the other.
"""

from contextlib import suppress
from dataclasses import dataclass

import streamlit as st

from lga_core.data.facts import Fact
from lga_core.data.forms.marked import EXAMPLE, read_marked
from lga_core.data.load import fact_from_form
from lga_core.errors import LgaError
from pages._ui.session.state import session, widget
from pages._ui.shell.elements import text_field
from pages._ui.shell.errors import error_box


@dataclass(frozen=True)
class FactForm:
    """The fields of one fact under a name of their own."""

    name: str

    def key(self, part: str) -> str:
        """The widget's, of "line", "new", "old", "rephrases", "locality" or "portability"."""
        return f"{self.name}_{part}"

    def draw(self) -> None:
        """One line, with the probes folded away below it, and what was wrong with the last try."""
        line, new, old = st.columns([3, 1, 1], gap="small")
        text_field(
            "Prompt, its subject in [brackets]",
            self.key("line"),
            place=line,
            placeholder=EXAMPLE,
            help="The sentence up to the answer. Brackets of its own are written \\\\[ and \\\\].",
        )
        text_field("New answer", self.key("new"), place=new, placeholder="Rome")
        about = "Left empty, it is what the model says by itself."
        text_field("Old answer", self.key("old"), place=old, placeholder="the model’s own", help=about)
        with st.expander("More probes", key=self.key("probes")):
            for place, part, label, example in zip(
                st.columns(3, gap="small"),
                ("rephrases", "locality", "portability"),
                ("Rephrases, one a line", "Locality, a line: prompt | answer", "Portability, a line: prompt | answer"),
                ("France is governed from", "The capital of Spain is | Madrid", "The Louvre stands in | Rome"),
                strict=True,
            ):
                place.text_area(label, key=self.key(part), height=90, placeholder=example, persist_state="session")
        error = session().form_errors.get(self.name)
        if error is not None:
            error_box(error)

    def take(self) -> Fact | None:
        """For callbacks: the fact; None where something is wrong with it, which `draw` then shows."""
        session().form_errors.pop(self.name, None)
        try:
            prompt, subject = read_marked(self._text("line"))
            return fact_from_form(
                prompt=prompt,
                subject=subject,
                target_new=self._text("new"),
                target_old=self._text("old"),
                rephrases=self._text("rephrases").splitlines(),
                locality=_probes(self._text("locality")),
                portability=_probes(self._text("portability")),
            )
        except LgaError as error:
            session().form_errors[self.name] = error
            return None

    def prompt(self) -> str | None:
        """As its line reads now; None where no one subject is marked in it."""
        with suppress(LgaError):
            return read_marked(self._text("line"))[0]
        return None

    def _text(self, part: str) -> str:
        return widget(self.key(part)) or ""


def _probes(lines: str) -> list[tuple[str, str]]:
    parts = (line.partition("|") for line in lines.splitlines())
    return [(prompt.strip(), answer.strip()) for prompt, _, answer in parts]
