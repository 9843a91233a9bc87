"""What the engine does on the default models' real weights; each is fetched once."""

import numpy as np
import pytest
from conftest import REAL_MODELS, drain

from lga_core.bench.baselines import naive_gradient_products
from lga_core.bench.lga import batched
from lga_core.data.load import load_facts
from lga_core.editing.rank_one import RankOneSettings
from lga_core.editing.table import EDITORS
from lga_core.evaluation.trial import trial_edit
from lga_core.models.fingerprint import weights_hash
from lga_core.models.loading import load_now
from lga_core.models.tokens import answer_row
from lga_core.scores.survey import survey

pytestmark = pytest.mark.real_model
EDIT_LAYER = {"smollm2-135m": 13, "gemma-3-270m": 11}
EDITS = 3


@pytest.fixture(scope="module", params=REAL_MODELS)
def model(request):
    return load_now(request.param, accept_terms=True)


@pytest.fixture(scope="module")
def facts():
    return load_facts("world").facts


@pytest.fixture(scope="module")
def surveyed(model, facts):
    return list(survey(model, facts))


def test_most_of_the_shipped_facts_are_known(model, surveyed):
    assert np.mean([row.known for row in surveyed]) >= 0.6


def test_the_batched_product_is_the_naive_one_in_float32(model, facts):
    row = batched(model, facts[:4])[2]
    naive = naive_gradient_products(
        model, answer_row(model.tokenizer, facts[2].prompt, facts[2].target_old[0]),
        answer_row(model.tokenizer, facts[2].prompt, facts[2].target_new),
        tuple(block.mlp_linears for block in model.architecture.blocks)).numpy()
    scale = row.values["norm-old/mlp"] * row.values["norm-new/mlp"]
    assert np.all(np.abs(row.values["product/mlp"] - naive) <= 1e-4 * scale)


@pytest.mark.parametrize("editor", EDITORS)
def test_an_edit_of_a_known_fact_takes_and_leaves_no_trace(model, facts, surveyed, editor):
    settings = RankOneSettings(covariance="identity", contexts=0)     # the quickest; the benchmarks use the defaults
    before = weights_hash(model.model)
    known = [fact for fact, row in zip(facts, surveyed, strict=True) if row.known][:EDITS]
    reports = [drain(trial_edit(model, fact, (EDIT_LAYER[model.name],), editor, settings)) for fact in known]
    assert all(report.target_errors[0] <= 1e-4 for report in reports)
    assert np.mean([report.after["rewrite"].teacher_forced for report in reports]) >= 95
    assert weights_hash(model.model) == before
