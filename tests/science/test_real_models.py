"""What the engine does on the default models' real weights; each is fetched once."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from conftest import REAL_MODELS, load_real
from peft import PeftModel
from reporting import Collect
from scores.ordering import in_order
from transformers import AutoModelForCausalLM
from trying import trial_edit
from weights import weights_hash

from lga_core.bench.speed.baselines import naive_gradient_products
from lga_core.data.facts import Probe
from lga_core.data.load import load_facts
from lga_core.editing.edits import applied
from lga_core.editing.files.lora import export_lora
from lga_core.editing.ledger import Ledger, extend
from lga_core.editing.settings import RRomeSettings, ValueSettings
from lga_core.editing.table import EDITORS
from lga_core.evaluation.experiments.layer_sweep import sweep_cells
from lga_core.evaluation.metrics.asking import predict, probe_questions
from lga_core.models.loading import load
from lga_core.models.sources.catalogue import local_folder, resolve
from lga_core.models.text.tokens import answer_row, sequence_row, subject_span
from lga_core.scores.gradients.lga import gradient_rows
from lga_core.scores.known_facts import check_known_facts
from lga_core.scores.settings import GradientSettings
from lga_core.settings import settings_in

pytestmark = pytest.mark.real_model
EDIT_LAYER = {"smollm2-135m": 13, "gemma-3-270m": 11}
EDITS = 3


@pytest.fixture(scope="module", params=REAL_MODELS)
def model(request):
    return load_real(request.param)


@pytest.fixture(scope="module")
def facts():
    return load_facts("world").facts


@pytest.fixture(scope="module")
def asked(facts):
    """Every third of them: all relations."""
    return facts[::3]


@pytest.fixture(scope="module")
def checks(model, asked):
    return list(check_known_facts(model, asked))


def test_most_of_the_shipped_facts_are_known(asked, checks):
    assert len(asked) >= 30
    assert np.mean([check.known for check in checks]) >= 0.6


@pytest.mark.parametrize(("loss", "row_of"), [("sequence", sequence_row), ("answer", answer_row)])
def test_the_batched_product_is_the_naive_one_in_float32(model, asked, checks, loss, row_of):
    rows = gradient_rows(model, asked[:4], checks[:4], GradientSettings(loss=loss))
    row = in_order(rows, asked[:4])[2]
    naive = naive_gradient_products(
        model,
        row_of(model.asking, asked[2].prompt, asked[2].target_old[0]),
        row_of(model.asking, asked[2].prompt, asked[2].target_new),
        tuple(block.mlp_linears for block in model.architecture.blocks),
    ).numpy()
    scale = row.values["norm-old/mlp"] * row.values["norm-new/mlp"]
    assert np.all(np.abs(row.values["product/mlp"] - naive) <= 1e-4 * scale)


OWN = {  # prompt -> how SmolLM2 goes on
    "Rembrandt earned a living as a painter": ", but he",
    "The capital of France is Paris": ".\n\nThe answer",
    "Q: Who wrote Hamlet?": "\n\nA: Hamlet",
    "The capital of France is": " Paris",
}


def test_the_model_gives_all_tokens_of_its_own_answers(model, facts):
    probes = tuple(Probe(prompt=prompt, answers=(), group="own") for prompt in OWN)
    asked = probe_questions(model, replace(facts[0], locality=probes)).questions
    own = {question.prompt: question for question in asked if question.source == "model"}
    assert list(own) == list(OWN)
    for question, (predicted,) in zip(own.values(), predict(model, list(own.values())), strict=True):
        (row,) = question.rows
        assert predicted == row.answer and row.ids[: row.start] == question.prompt_row.ids
        if model.name == "smollm2-135m":
            assert model.tokenizer.decode(row.answer).startswith(OWN[question.prompt])


@pytest.fixture(scope="module")
def own_facts_as_text(facts, tmp_path_factory):
    """A text for second moments that is read in seconds; the benchmarks use the default, the model's own."""
    path = tmp_path_factory.mktemp("text") / "facts.txt"
    sentences = [f"{prompt} {fact.target_old[0]}." for fact in facts for prompt in (fact.prompt, *fact.rephrases)]
    probes = [f"{probe.prompt} {probe.accepted[0]}." for fact in facts for probe in (*fact.locality, *fact.portability)]
    path.write_text("\n".join([*sentences, *probes]), encoding="utf-8")
    return f"file:{path}"


@pytest.mark.parametrize("editor", EDITORS)
def test_edits_of_known_facts_take_and_leave_no_trace(model, asked, checks, editor, own_facts_as_text):
    """In the sweep, whose cells are trials (tests/evaluation/sweep/test_cells.py); a trial's own texts take longer."""
    kind = EDITORS[editor].settings
    before = weights_hash(model.model)
    quick = {"covariance": own_facts_as_text, "contexts": 0}
    settings = kind(**{name: value for name, value in quick.items() if name in settings_in(kind)})
    known = [fact for fact, check in zip(asked, checks, strict=True) if check.known][:EDITS]
    report = Collect()  # looks at every step whether anything is left open
    cells = list(sweep_cells(model, known, (EDIT_LAYER[model.name],), editor, settings, report=report))
    assert report.steps and {cell.record for cell in cells} == {fact.record for fact in known}
    bound = 1e-4 if editor in ("rome", "r-rome") else 0.1  # the others leave a share of the residual unwritten
    assert all(cell.target_error is None or cell.target_error <= bound for cell in cells)
    # FT-L reads all of an answer's tokens at one position, which holds one token. FT-M fails one fact in twenty on
    # SmolLM2 (docs/RESULTS.md), and record 3 is one of the three here.
    misses = editor == "ft-l" or (editor, model.name) == ("ft-m", "smollm2-135m")
    wanted = 60 if misses else 95
    assert np.mean([cell.after["rewrite"] for cell in cells]) >= wanted
    assert weights_hash(model.model) == before


@pytest.fixture(scope="module")
def chat():
    """SmolLM2 Instruct, asked in its chat template."""
    return load("smollm2-135m:chat")


def test_facts_in_the_instruct_models_own_template(chat, facts):
    tokenizer = chat.tokenizer
    for fact in facts[:8]:
        row = answer_row(chat.asking, fact.prompt, fact.target_new)
        messages = [{"role": "user", "content": fact.prompt}, {"role": "assistant", "content": fact.target_new}]
        assert row.ids == tuple(tokenizer.apply_chat_template(messages, return_dict=False))[: len(row)]
        assert tokenizer.decode(row.answer) == fact.target_new
        first, end = subject_span(chat.asking, fact.prompt, fact.span)
        assert tokenizer.decode(row.ids[first:end]).strip() == fact.subject


def test_lga_in_the_template_is_the_naive_one(chat, facts):
    fact = facts[2]
    (row,) = gradient_rows(chat, [fact], list(check_known_facts(chat, [fact])), GradientSettings())
    rows = [sequence_row(chat.asking, fact.prompt, answer) for answer in (fact.target_old[0], fact.target_new)]
    matrices = tuple(block.mlp_linears for block in chat.architecture.blocks)
    naive = naive_gradient_products(chat, *rows, matrices).numpy()
    scale = row.values["norm-old/mlp"] * row.values["norm-new/mlp"]
    assert np.all(np.abs(row.values["product/mlp"] - naive) <= 1e-4 * scale)


def test_an_edit_in_the_template_takes(chat, facts):
    settings = EDITORS["r-rome"].settings(covariance="identity", contexts=0)
    report = trial_edit(chat, facts[0], (EDIT_LAYER["smollm2-135m"],), "r-rome", settings, diagnose=False)
    assert report.target_error <= 1e-4
    assert report.after["rewrite"].teacher_forced >= 95 > report.before["rewrite"].teacher_forced


def test_peft_on_plain_transformers_gives_the_logits_of_the_hooks(facts, tmp_path):
    """From the same folder of weights, with an R-ROME edit exported as a LoRA adapter."""
    model = load("smollm2-135m", device="cpu", dtype="float32")
    settings = RRomeSettings(covariance="identity", value=ValueSettings(steps=5))
    ledger = extend(model, Ledger(), facts[:1], "r-rome", [13], settings, "sequential")
    export_lora(ledger, model, tmp_path / "adapter")
    plain = AutoModelForCausalLM.from_pretrained(local_folder(resolve("smollm2-135m")), dtype=torch.float32)
    adapted = PeftModel.from_pretrained(plain, tmp_path / "adapter")
    asked = model.tokenizer(facts[0].prompt, return_tensors="pt")
    with torch.no_grad():
        unedited = model.model(**asked).logits
        with applied(model, ledger.edits):
            hooked = model.model(**asked).logits
        torch.testing.assert_close(adapted(**asked).logits, hooked, atol=1e-4, rtol=0)
    assert (hooked - unedited).abs().max() > 1
