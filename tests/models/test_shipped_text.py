"""The text of the default models that comes with the code: used where it is, and really theirs."""

import math
import shutil

import pytest
import torch
from conftest import REAL_MODELS, load_real
from reporting import Collect

from lga_core.editing.settings import RRomeSettings
from lga_core.models.text import own_text
from lga_core.models.text.own_text import corpus, corpus_path, prefixes, prefixes_path
from lga_core.models.text.sources import TOKENS_PER_INPUT
from lga_core.models.text.tokens import Batch


def test_a_text_that_is_shipped_is_not_sampled(tiny, tmp_path, monkeypatch):
    tokens = TOKENS_PER_INPUT * tiny.architecture.blocks[0].down.d_in
    sampled = corpus(tiny, tokens, 0), prefixes(tiny, 4, 0)
    shipped = tmp_path / "shipped"
    folder = shipped / corpus_path(tiny, tokens, 0).parent.name
    folder.mkdir(parents=True)
    for path in (corpus_path(tiny, tokens, 0), prefixes_path(tiny, 4, 0)):
        shutil.copyfile(path, folder / path.name)
    monkeypatch.setattr(own_text, "SHIPPED", shipped)
    monkeypatch.setenv("LGA_HOME", str(tmp_path / "fresh"))
    report = Collect()
    assert (corpus(tiny, tokens, 0, report=report), prefixes(tiny, 4, 0, report=report)) == sampled
    assert report.steps == []
    corpus(tiny, tokens, 1, report=report)
    assert report.steps, "another seed's text is not there"


@pytest.mark.real_model
@pytest.mark.parametrize("name", REAL_MODELS)
def test_the_default_models_texts_are_their_own(name, tmp_path, monkeypatch):
    model = load_real(name)
    settings = RRomeSettings()
    monkeypatch.setenv("LGA_HOME", str(tmp_path))
    report = Collect()
    assert len(prefixes(model, settings.contexts, settings.seed, report=report)) == settings.contexts
    tokens = settings.tokens_per_input * model.architecture.blocks[0].down.d_in
    rows = corpus(model, tokens, settings.seed, report=report)
    assert report.steps == [] and sum(map(len, rows)) >= tokens
    batch = Batch.of(rows[:4], model.device)
    with torch.no_grad():
        logits = model.model(input_ids=batch.ids).logits[:, :-1]
    nll = torch.nn.functional.cross_entropy(logits.flatten(0, 1), batch.ids[:, 1:].flatten())
    assert nll < math.log(model.architecture.vocabulary) / 2
