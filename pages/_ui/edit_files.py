"""Edits in files: the ledger saved and loaded as an edit set, and a copy of the model with the edits merged."""

from pathlib import Path

import streamlit as st

from lga_core.editing.edit_set import edit_set_bytes
from lga_core.models.catalogue import resolve
from lga_core.models.files import gigabytes
from lga_core.runs.tasks import drain
from lga_core.view.text import count
from pages._ui import jobs, ledger_jobs
from pages._ui.book import Book, model_of
from pages._ui.errors import job_outcome
from pages._ui.model import shelf
from pages._ui.state import widget
from pages._ui.text import safe


def files(book: Book) -> None:
    """Save and load on the left, the whole model on the right."""
    left, right = st.columns(2, gap="large")
    with left:
        _save(book)
        _load(book)
    with right:
        _export(book)


def _save(book: Book) -> None:
    st.markdown("**Save the ledger**")
    empty, on = not book.ledger.entries, shelf()
    st.download_button(f"Download {count(len(book.ledger.entries), 'edit')}, .zip", lambda: _zipped(book, on),
                       f"edits_{Path(book.model).name}.zip", "application/zip", key="save_edits", on_click="ignore",
                       icon=":material/download:", disabled=empty,
                       help="The edits with their facts, settings, order and switches, the model’s fingerprint and a "
                            "hash. Never a pickle.")


def _zipped(book: Book, on) -> bytes:
    return edit_set_bytes(book.ledger, drain(model_of(on, book)))


def _load(book: Book) -> None:
    st.markdown("**Load a saved set**", help="It takes the ledger’s place. A set for another model, or a damaged one, "
                                             "is refused with the reason, and the ledger stays.")
    st.file_uploader("Edit set, .zip, up to 20 MB", type=["zip"], key="load_edits", on_change=_upload, args=(book,),
                     disabled=jobs.is_running(ledger_jobs.WRITING))
    with st.container(horizontal=True, vertical_alignment="bottom"):
        path = st.text_input("Or a .zip or folder on the server’s machine", key="edits_path", persist_state="session",
                             placeholder="/path/to/edits.zip")
        st.button("Load", key="load_path", icon=":material/upload_file:", on_click=_from_path, args=(book,),
                  disabled=not path.strip() or jobs.is_running(ledger_jobs.WRITING))


def _upload(book: Book) -> None:
    if (file := widget("load_edits")) is not None:
        ledger_jobs.load(book, file.getvalue(), file.name)


def _from_path(book: Book) -> None:
    path = Path(widget("edits_path", "").strip()).expanduser()
    ledger_jobs.load(book, path, path.name)


def _export(book: Book) -> None:
    st.markdown("**Export a merged model**")
    enabled, running = len(book.ledger.enabled), jobs.is_running(ledger_jobs.EXPORTING)
    st.caption(f"Writes a whole model{_size(book)}: a transformers folder with {count(enabled, 'edit')} merged into a "
               "copy of the weights. The model here stays as it is.")
    path = st.text_input("New folder on the server’s machine", key="export_path", persist_state="session",
                         placeholder="/path/to/new-folder")
    st.button("Write the model", key="export", icon=":material/drive_file_move:", on_click=_write, args=(book,),
              disabled=running or not enabled or not path.strip())
    job = jobs.last_job(ledger_jobs.EXPORTING)
    job_outcome(job, "Nothing was kept.")
    if job is not None and job.result is not None:
        st.success(f"Written to {safe(str(job.result))}", icon=":material/check_circle:")


def _write(book: Book) -> None:
    ledger_jobs.export(book, Path(widget("export_path", "").strip()).expanduser())


def _size(book: Book) -> str:
    """How large that is, where it is known."""
    model, entry = shelf().peek(book.model), resolve(book.model)
    if model is not None:
        return f", {gigabytes(sum(part.numel() * part.element_size() for part in model.model.parameters()))}"
    return f", about {gigabytes(entry.memory_bytes)}" if entry.parameters else ""
