"""The ledger into a repository of the hub, with a card that states every fact."""

from typing import Any

import streamlit as st

from lga_core.models.sources.catalogue import resolve
from lga_core.service.ledger_requests import PublishEdits, ShowCard
from lga_core.service.ledger_view import LedgerView
from lga_core.view.words.text import count
from pages._ui.edits import ledger_jobs
from pages._ui.session.state import session, widget
from pages._ui.shell import jobs
from pages._ui.shell.elements import button, choice, download, number_field, text_field, toggle
from pages._ui.shell.engine import file_of
from pages._ui.shell.errors import job_outcome
from pages._ui.shell.text import safe

EDIT_SET = "Edit set"
ADAPTER = "LoRA adapter"


def publish(model: str, ledger: LedgerView) -> None:
    """Where it goes, what it is, the card to read first, and the button."""
    st.markdown(
        "**Publish**",
        help="To the Hugging Face hub, with the token of this server’s account (HF_TOKEN or `hf auth login`), which is "
        "not shown or kept here. Not tried on the real hub: the tests have a server of their own in its place.",
    )
    st.caption(
        "The edits go into a repository of the hub with a card that states every fact, editor, settings and metrics, "
        "and that the edited model states other facts."
    )
    _where(model)
    empty = not (ledger.enabled if widget("publish_kind") == ADAPTER else ledger.entries)
    with st.container(horizontal=True):
        download(
            "Read the card, .md",
            file_of(ledger_jobs.ledger_request(ShowCard, model, **_what()), "Writing the card"),
            "README.md",
            "text/markdown",
            key="show_card",
            disabled=empty or not _is_named(model),
        )
        busy = jobs.is_running(ledger_jobs.PUBLISH)
        button("Publish", "publish", _publish, model, icon="cloud_upload", disabled=empty or busy)
    job = jobs.last_job(ledger_jobs.PUBLISH, model)
    job_outcome(job, "The edits here stay as they are.")
    if job is not None and job.result is not None:
        said = f"Published {count(len(job.result.files), 'file')} in {safe(job.result.repository)}."
        st.success(said, icon=":material/check_circle:")
        if job.result.url.startswith(("https://", "http://")):  # it is the hub's own word
            st.link_button("See them there", job.result.url, icon=":material/open_in_new:")


def rank_field() -> None:
    """Of an adapter: how it holds a change that has no low rank of its own."""
    number_field(
        "Rank for fine-tuned matrices",
        1,
        None,
        None,
        "lora_rank",
        placeholder="refuse them",
        help="Fine-tuning changes a whole matrix. With a rank, its nearest matrix of that rank is written (SVD), "
        "and what is left out is told.",
    )


def _where(model: str) -> None:
    """What is published and into which repository."""
    kind = choice("Publish as", [EDIT_SET, ADAPTER], "publish_kind", EDIT_SET)
    if kind == ADAPTER and widget("export_kind") != ADAPTER:  # else the export above shows it, for both
        rank_field()
    text_field("Repository", "publish_to", placeholder="owner/name")
    if resolve(model).base_repository is None:
        text_field(
            "Base model’s repository",
            "publish_base",
            placeholder="owner/name",
            help="This model is a folder or file of this machine. The card has its name on the hub, and no path.",
        )
    with st.container(horizontal=True):
        toggle("Private", "publish_private", help="Of a new repository.")
        toggle("Update", "publish_update", help="Also where it holds files already.")


def _is_named(model: str) -> bool:
    """Whether the repository is named, and the base model's where the card cannot know it."""
    known = resolve(model).base_repository is not None
    return bool(widget("publish_to", "").strip()) and (known or bool(widget("publish_base", "").strip()))


def _what() -> dict[str, Any]:
    return {
        "repository": widget("publish_to", "").strip(),
        "adapter": widget("publish_kind") == ADAPTER,
        "dense_rank": widget("lora_rank"),
        "base": widget("publish_base", "").strip() or None,
    }


def _publish(model: str) -> None:
    if not _is_named(model):
        session().notices.append("Name the repository to publish in, and the base model’s where it is asked for.")
        return
    where = {"private": widget("publish_private", False), "update": widget("publish_update", False)}
    ledger_jobs.start(PublishEdits, model, **_what(), **where)
