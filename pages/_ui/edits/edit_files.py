"""Edits in files: the ledger as an edit set or a LoRA adapter, and a copy of the model with the edits merged."""

from pathlib import Path

import streamlit as st

from lga_core.models.sources.catalogue import resolve
from lga_core.models.sources.files import gigabytes
from lga_core.results import Adapter
from lga_core.service.ledger_requests import ExportAdapter, ExportModel, LoadEditSet, SaveEditSet
from lga_core.service.ledger_view import LedgerView
from lga_core.view.words.edits.sentences import adapter_words, merged_words
from lga_core.view.words.text import count
from pages._ui.edits import ledger_jobs, publishing
from pages._ui.edits.publishing import ADAPTER
from pages._ui.session.state import session, widget
from pages._ui.shell import jobs
from pages._ui.shell.elements import button, choice, download, text_field
from pages._ui.shell.engine import file_of
from pages._ui.shell.errors import job_outcome
from pages._ui.shell.text import safe

MERGED = "Merged model"


def files(model: str, ledger: LedgerView) -> None:
    """Save and load on the left; exports and publishing on the right."""
    left, right = st.columns(2, gap="large")
    with left:
        _save(model, ledger)
        _load(model)
    with right:
        _export(model, ledger)
        publishing.publish(model, ledger)


def _save(model: str, ledger: LedgerView) -> None:
    st.markdown("**Save the ledger**")
    download(
        f"Download {count(len(ledger.entries), 'edit')}, .zip",
        file_of(ledger_jobs.ledger_request(SaveEditSet, model), "Saving the edits"),
        f"edits_{Path(model).name}.zip",
        "application/zip",
        key="save_edits",
        disabled=not ledger.entries,
        help="The edits with their facts, settings, order and switches, the model’s fingerprint and a "
        "hash. Never a pickle.",
    )


def _load(model: str) -> None:
    busy = jobs.is_running(ledger_jobs.LEDGER)
    st.markdown(
        "**Load a saved set**",
        help="It takes the ledger’s place. A set for another model, or a damaged one, "
        "is refused with the reason, and the ledger stays.",
    )
    st.file_uploader(
        "Edit set, .zip, up to 20 MB", type=["zip"], key="load_edits", on_change=_upload, args=(model,), disabled=busy
    )
    with st.container(horizontal=True, vertical_alignment="bottom"):
        about = "Or a .zip or folder on the server’s machine"
        text_field(about, "edits_path", placeholder="/path/to/edits.zip")
        button("Load", "load_path", _from_path, model, icon="upload_file", disabled=busy)


def _upload(model: str) -> None:
    if (file := widget("load_edits")) is not None:
        ledger_jobs.start(LoadEditSet, model, source=file.getvalue(), name=file.name)


def _from_path(model: str) -> None:
    path = widget("edits_path", "").strip()
    if not path:
        session().notices.append("Name the .zip or folder to load.")
        return
    ledger_jobs.start(LoadEditSet, model, source=path, name=Path(path).name)


def _export(model: str, ledger: LedgerView) -> None:
    enabled = len(ledger.enabled)
    st.markdown("**Export**")
    kind = choice("Export as", [ADAPTER, MERGED], "export_kind", ADAPTER)
    if kind == MERGED:
        size = resolve(model).memory_bytes
        about = f", about {gigabytes(size)}" if size else ""
        st.caption(
            f"Writes a whole model{about}: a transformers folder with {count(enabled, 'edit')} merged into a copy "
            "of the weights. The model here stays as it is."
        )
    else:
        st.caption(
            f"Writes {count(enabled, 'edit')} as a PEFT adapter for the plain model, with the edit set beside it. "
            "The rank is the number of edits of a matrix; their product is the edit itself."
        )
        publishing.rank_field()
    text_field("New folder on the server’s machine", "export_path", placeholder="/path/to/new-folder")
    unready = jobs.is_running(ledger_jobs.EXPORT) or not enabled
    label = "Write the model" if kind == MERGED else "Write the adapter"
    button(label, "export", _write, model, kind, icon="drive_file_move", disabled=unready)
    job = jobs.last_job(ledger_jobs.EXPORT, model)
    job_outcome(job, "Nothing was kept.")
    if job is not None and job.result is not None:
        words = adapter_words(job.result) if isinstance(job.result, Adapter) else merged_words(job.result)
        st.success(safe(words), icon=":material/check_circle:")


def _write(model: str, kind: str) -> None:
    named = widget("export_path", "").strip()
    if not named:
        session().notices.append("Name the new folder to write into.")
        return
    folder = Path(named)
    if kind == MERGED:
        ledger_jobs.start(ExportModel, model, folder=folder)
    else:
        ledger_jobs.start(ExportAdapter, model, folder=folder, dense_rank=widget("lora_rank"))
