"""The files of a trial: those for EasyEdit, which fill the form again, and one that could not be made."""

import io
import zipfile

import pytest
from streamlit.testing.v1 import AppTest

from lga_core.errors import LgaError
from lga_core.service.requests import EasyEditRequest
from pages._ui.shell import engine
from tests.pages.driving import quick, words
from tests.pages.trial.driving import edit, last


def test_why_a_file_could_not_be_made_is_shown_until_it_can(page: AppTest, downloads, monkeypatch):
    edit(quick(page))
    with monkeypatch.context() as busy:
        busy.setattr(engine, "FILE_SECONDS", 0.0)
        with pytest.raises(LgaError):
            downloads["easyedit"]()
    for _ in range(2):  # a running job draws the page anew at any time
        page.run()
        assert "The engine is busy with other work." in words(page) and "Download it again" in words(page)
    assert downloads["easyedit"]()[:2] == b"PK"
    page.run()
    assert not page.error


def test_a_trial_goes_to_easyedit_and_its_file_fills_the_form(page: AppTest, shared_engine):
    edit(quick(page))
    trial = last(page).request
    assert any(button.key == "easyedit" for button in page.get("download_button"))
    asked = EasyEditRequest(
        model=trial.model, facts=(trial.fact,), layers=(1,), editor=trial.editor, settings=trial.settings
    )
    written = shared_engine.start(asked, "Writing")
    assert written.wait(900)
    files = zipfile.ZipFile(io.BytesIO(written.result))
    assert files.namelist() == ["hparams.yaml", "facts.json"]
    text = files.read("hparams.yaml").decode()
    page.selectbox(key="editor").select("memit").run()
    page.multiselect(key="layers").set_value([]).run()
    page.file_uploader(key="hparams").upload("mine.yaml", text.encode(), "application/yaml").run()
    assert page.selectbox(key="editor").value == "r-rome" and page.multiselect(key="layers").value == [1]
    assert page.number_input(key="set_r-rome_value_steps").value == 2
    assert page.selectbox(key="set_r-rome_covariance").value == "identity"
    assert "mine.yaml: No setting here: model_name" in words(page)
    edit(page)
    assert last(page).request == trial
    other = text.replace("v_loss_layer: 3", "v_loss_layer: 1")
    page.file_uploader(key="hparams").upload("other.yaml", other.encode(), "application/yaml").run()
    assert "v_loss_layer is 1; here it is always 3" in words(page)


def test_a_file_that_is_none_of_easyedits_changes_nothing(page: AppTest):
    quick(page)
    page.file_uploader(key="hparams").upload("<b>.yaml", b"alg_name: [", "application/yaml").run()
    assert "<b>.yaml cannot be used: it is broken YAML" in words(page)
    assert page.number_input(key="set_r-rome_value_steps").value == 2
