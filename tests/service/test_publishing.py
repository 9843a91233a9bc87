"""A session's ledger goes into a repository with the metrics that the session has seen."""

from editing.publishing.fake_hub import BASE, found
from huggingface_hub import ModelCard
from service.asking import EDIT, proxy
from service.test_chat import Control

from lga_core.editing.files.manifest import METRICS_FILE
from lga_core.service import ledger_requests as ask_ledger
from lga_core.service.work import perform
from lga_core.service.work.desk import Desk


def test_what_the_session_measured_stands_in_the_card(tiny_folder, monkeypatch):
    desk, control = Desk(), Control()
    about = {"model": str(tiny_folder), "session": "a"}
    facts = proxy(2).candidates
    writing = {"facts": facts, "editor": "r-rome", "layers": (1,), "settings": EDIT, "mode": "sequential"}
    view = perform(desk, ask_ledger.WriteEdits(**about, number=1, **writing, each=False), control)
    how = {"repository": "me/edits", "dense_rank": None, "base": BASE}
    with found(monkeypatch) as hub:
        shown = perform(desk, ask_ledger.ShowCard(**about, number=2, adapter=False, **how), control)
        assert not hub.repositories
        request = ask_ledger.PublishEdits(**about, number=3, adapter=True, private=False, update=False, **how)
        done = perform(desk, request, control)
        arrived = hub.repositories["me/edits"]
    assert done.repository == "me/edits" and METRICS_FILE in done.files
    before, now = (means["rewrite"].teacher_forced for means in (view.report.before, view.report.now))
    for card in (ModelCard(shown.decode()), ModelCard(arrived["README.md"].decode())):
        assert f"| rewrite | {before:.1f} | {now:.1f} |" in card.text and card.data.base_model == BASE
        assert all(fact.prompt in card.text for fact in facts)
