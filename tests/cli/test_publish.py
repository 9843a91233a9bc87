"""`publish` on the command line: from an edit to a repository, with the card on request."""

import json

import pytest
from editing.publishing.fake_hub import serving
from huggingface_hub import ModelCard


def test_an_edit_is_saved_and_published(here, lga, tiny_folder, fact_file, tmp_path):
    settings = ("--set", "steps=2", "--set", "contexts=0", "--set", "covariance=identity", "--quiet", "--json")
    where = ("--save", tmp_path / "edit.zip", "--export-lora", tmp_path / "adapter")
    edited = here("edit", tiny_folder, fact_file, "--index", 0, "--layers", 1, *settings, *where)
    assert edited.code == 0, edited.err
    with serving() as hub:
        hub.cards["tiny/base"] = {"license": "mit"}
        asked = ("me/edits", "--base-model", "tiny/base", "--quiet")
        shown = lga("publish", tmp_path / "edit.zip", *asked, "--card", **hub.environment)
        assert shown.code == 0 and not hub.repositories, shown.err
        done = lga("publish", tmp_path / "adapter", *asked, "--private", "--json", **hub.environment)
        assert done.code == 0, done.err
        again = lga("publish", tmp_path / "adapter", *asked, **hub.environment)
        assert again.code == 2 and "holds files already" in again.err and again.err.count("\n") == 1
        updated = lga("publish", tmp_path / "adapter", *asked, "--update", "--json", **hub.environment)
        assert updated.code == 0 and updated.json["published"] == done.json["published"], updated.err
        arrived = hub.repositories["me/edits"]
    assert done.json["published"].startswith(hub.url) and hub.private["me/edits"]
    assert arrived["README.md"].decode() == done.json["card"]
    card = ModelCard(done.json["card"])
    assert (card.data.base_model, card.data.library_name, card.data.license) == ("tiny/base", "peft", "mit")
    after = edited.json["after"]["rewrite"]["teacher_forced"]
    assert f"| rewrite | {edited.json['before']['rewrite']['teacher_forced']:.1f} | {after:.1f} |" in card.text
    assert ModelCard(shown.out).data.library_name is None and "The Space Needle is in" in shown.out
    assert str(tmp_path) not in json.dumps([content.decode("latin-1") for content in arrived.values()])


def test_offline_it_is_one_line(here, tmp_path):
    answer = here("publish", tmp_path, "me/edits")
    assert answer.code == 2 and "LGA_OFFLINE=1 forbids to publish. Unset it" in answer.err
    assert answer.err.count("\n") == 1


@pytest.mark.parametrize("option", ["--private", "--update"])
def test_a_card_alone_takes_no_word_of_how_to_publish(here, tmp_path, option):
    answer = here("publish", tmp_path, "me/edits", "--card", option)
    assert answer.code == 2 and answer.err.count("\n") == 1
    assert f"--card publishes nothing, so that {option} would have no effect. Leave out {option}" in answer.err


def test_a_card_is_for_a_repository_that_can_be(here, tmp_path):
    answer = here("publish", tmp_path, "edits", "--card")
    assert answer.code == 2 and "'edits' is no repository's name. Write it as OWNER/NAME." in answer.err
