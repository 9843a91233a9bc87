"""What the tests of the ledger's page press and read."""

import io
import json
import zipfile

from streamlit.testing.v1 import AppTest

from lga_core.service.ledger_requests import SaveEditSet
from lga_core.service.ledger_view import LedgerView
from pages._ui.edits.ledger_jobs import LEDGER
from tests.pages.driving import kept, wait


def ledger(app: AppTest) -> LedgerView:
    """The session's only one, as the page has it."""
    views = kept(app).ledgers
    return next(iter(views.values())) if views else LedgerView()


def enabled(app: AppTest) -> list[bool]:
    return [entry.enabled for entry in ledger(app).entries]


def job(app: AppTest):
    return kept(app).jobs[LEDGER]


def edits_page(app: AppTest, facts: int = 3) -> AppTest:
    """Three facts written one after another."""
    app.switch_page("edits.py").run()
    app.segmented_control(key="edits_view").set_value("several").run()
    first = next(item for item in app.number_input if item.key.startswith("first_n"))
    first.set_value(facts).run()
    app.button(key="edit_several").click().run()
    return wait(app)


def subjects(app: AppTest) -> list[str]:
    return [entry.facts[0].subject for entry in ledger(app).entries]


def changes(app: AppTest) -> list[str]:
    return [change.words for change in ledger(app).changes]


def saved(app: AppTest, client) -> bytes:
    """As the download button gets it."""
    tab = kept(app)
    request = SaveEditSet(model=app.session_state["lga"].question.model, session=tab.id, number=10**6)
    job = client.start(request, "Saving")
    assert job.wait(900) and job.result is not None
    return job.result


def load(app: AppTest, name: str, content: bytes) -> AppTest:
    app.segmented_control(key="edits_view").set_value("files").run()
    app.file_uploader(key="load_edits").upload(name, content, "application/zip").run()
    return wait(app)


def with_another_layer(content: bytes) -> bytes:
    """The edit set with another layer in its manifest."""
    changed = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(changed, "w") as new:
        for name in old.namelist():
            part = old.read(name)
            if name == "manifest.json":
                plain = json.loads(part)
                plain["entries"][0]["layers"] = [0]
                part = json.dumps(plain).encode()
            new.writestr(name, part)
    return changed.getvalue()
