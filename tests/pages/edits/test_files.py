"""Edits as files: saved and loaded sets, an exported model, publishing."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from streamlit.testing.v1 import AppTest
from transformers import AutoModelForCausalLM

from lga_core.service.process.client import EngineClient
from pages._ui.shell import engine
from tests.editing.publishing.fake_hub import BASE, COMMIT, FakeHub, serving
from tests.pages.driving import kept, wait, words
from tests.pages.edits.driving import changes, edits_page, ledger, load, saved, with_another_layer


@pytest.fixture
def hub(own_server, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeHub]:
    """A hub that an engine of the test's own finds."""
    with serving() as served:
        served.cards[BASE] = {"license": "apache-2.0"}
        for name, value in served.environment.items():
            monkeypatch.setenv(name, value)
        client = EngineClient(grace=None)
        monkeypatch.setattr(engine, "EngineClient", lambda: client)
        yield served
        client.close()


def test_a_saved_set_comes_back_and_a_damaged_one_is_refused_with_the_reason(steps: AppTest, shared_engine):
    edits_page(steps)
    content = saved(steps, shared_engine)
    ids = [entry.id for entry in ledger(steps).entries]
    steps.button(key="undo_all").click().run()
    wait(steps)
    load(steps, "edits.zip", content)
    assert [entry.id for entry in ledger(steps).entries] == ids and len(ledger(steps).report.facts) == 3
    assert not any(entry.stale for entry in ledger(steps).entries)

    load(steps, "cut.zip", content[: len(content) // 2])
    assert any("damaged" in item.value or "zip" in item.value for item in steps.error)
    assert [entry.id for entry in ledger(steps).entries] == ids

    load(steps, "changed.zip", with_another_layer(content))
    assert "not as it was written" in words(steps)
    assert [entry.id for entry in ledger(steps).entries] == ids


def test_a_set_is_loaded_from_a_path_of_the_server(steps: AppTest, shared_engine, tmp_path: Path):
    steps.button(key="keep").click().run()
    wait(steps)
    path = tmp_path / "edits.zip"
    path.write_bytes(saved(steps, shared_engine))
    steps.switch_page("edits.py").run()
    steps.button(key="undo_all").click().run()
    wait(steps)
    steps.segmented_control(key="edits_view").set_value("files").run()
    steps.text_input(key="edits_path").input(str(path)).run()
    steps.button(key="load_path").click().run()
    wait(steps)
    assert len(ledger(steps).entries) == 1 and changes(steps) == ["loaded edits.zip"]


def test_an_exported_model_is_the_edited_one(steps: AppTest, model_folder: Path, tmp_path: Path):
    report, _stored = kept(steps).trials[-1].result
    steps.button(key="keep").click().run()
    wait(steps)
    steps.switch_page("edits.py").run()
    steps.segmented_control(key="edits_view").set_value("files").run()
    steps.segmented_control(key="export_kind").set_value("Merged model").run()
    assert "Writes a whole model, " in words(steps)
    steps.text_input(key="export_path").input(str(tmp_path / "merged")).run()
    steps.button(key="export").click().run()
    wait(steps)
    assert "Merged model in" in " ".join(item.value for item in steps.success)
    merged, original = (
        AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).state_dict()
        for folder in (tmp_path / "merged", model_folder)
    )
    moved = {
        name: float((merged[name] - original[name]).norm())
        for name in original
        if not torch.equal(merged[name], original[name])
    }
    assert moved == {"model.layers.1.mlp.down_proj.weight": pytest.approx(report.delta_norms[0], rel=1e-4)}

    steps.button(key="export").click().run()
    wait(steps)
    assert "is there already" in words(steps)

    steps.segmented_control(key="export_kind").set_value("LoRA adapter").run()
    steps.text_input(key="export_path").input("~nobody-of-that-name/adapter").run()
    steps.button(key="export").click().run()
    wait(steps)
    assert not steps.exception and "is no path" in words(steps)
    steps.text_input(key="export_path").input(str(tmp_path / "adapter")).run()
    steps.button(key="export").click().run()
    wait(steps)
    assert "down\\_proj rank 1" in " ".join(item.value for item in steps.success)
    assert (tmp_path / "adapter" / "adapter_model.safetensors").is_file()


def test_publishing_is_refused_offline_with_cause_and_remedy(steps: AppTest):
    steps.button(key="keep").click().run()
    wait(steps)
    steps.switch_page("edits.py").run()
    steps.segmented_control(key="edits_view").set_value("files").run()
    for repository in ("", "me/edits"):  # a folder's place on the hub is not known
        steps.text_input(key="publish_to").input(repository)
        steps.button(key="publish").click().run()
        assert "Name the repository to publish in" in words(steps) and "publish" not in kept(steps).jobs
    steps.text_input(key="publish_base").input("tiny/base").run()
    steps.button(key="publish").click().run()
    wait(steps)
    request = kept(steps).jobs["publish"].request
    assert (request.repository, request.base) == ("me/edits", "tiny/base")
    assert not (request.private or request.update or request.adapter)
    assert "LGA_OFFLINE=1 forbids to publish" in words(steps) and "The edits here stay as they are" in words(steps)
    assert len(ledger(steps).entries) == 1


def test_what_was_published_is_told_with_a_way_there_and_is_not_replaced_unasked(hub: FakeHub, steps: AppTest):
    steps.button(key="keep").click().run()
    wait(steps)
    steps.switch_page("edits.py").run()
    steps.segmented_control(key="edits_view").set_value("files").run()
    steps.segmented_control(key="publish_kind").set_value("LoRA adapter").run()
    steps.text_input(key="publish_to").input("me/edits").run()
    steps.text_input(key="publish_base").input(BASE).run()
    steps.button(key="publish").click().run()
    wait(steps)
    held = set(hub.repositories["me/edits"]) - {".gitattributes"}
    assert {"README.md", "adapter_model.safetensors"} < held
    assert f"Published {len(held)} files in me/edits." in " ".join(item.value for item in steps.success)
    (link,) = steps.get("link_button")
    assert link.proto.url == f"{hub.url}/me/edits/commit/{COMMIT}"

    steps.button(key="publish").click().run()
    wait(steps)
    assert "holds files already" in words(steps) and not steps.get("link_button")
