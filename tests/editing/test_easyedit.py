"""EasyEdit's hyper-parameter files: they come back as the settings they were made of, with EasyEdit's own fields."""

import json
from contextlib import suppress
from dataclasses import replace

import pytest
import yaml
from conftest import tiny_model
from hypothesis import given
from hypothesis import settings as checking
from hypothesis import strategies as st
from uploading import read_facts

from lga_core.editing.files.easyedit.both_files import FACTS, easyedit_files
from lga_core.editing.files.easyedit.facts_file import CHAT
from lga_core.editing.files.easyedit.reading import MAX_BYTES, read_hparams
from lga_core.editing.files.easyedit.writing import FILE, ModelParts, parts_of, write_hparams
from lga_core.editing.table import EDITORS
from lga_core.errors import LgaError
from lga_core.settings import flat_names, flat_values, from_flat

PARTS = ModelParts(
    name="openai-community/gpt2-xl",
    layers=48,
    d_in=6400,
    modules={
        "rewrite_module_tmp": ("transformer.h.{}.mlp.c_proj",),
        "layer_module_tmp": ("transformer.h.{}",),
        "mlp_module_tmp": ("transformer.h.{}.mlp",),
        "attn_module_tmp": ("transformer.h.{}.attn",),
        "ln_f_module": ("transformer.ln_f",),
        "lm_head_module": ("transformer.wte", "lm_head"),
    },
    weight_decay=0.5,
    epsilon=5e-4,
)
MODULES = "rewrite_module_tmp layer_module_tmp mlp_module_tmp attn_module_tmp ln_f_module lm_head_module"
SEARCH = "alg_name model_name stats_dir device layers fact_token v_num_grad_steps v_lr v_loss_layer v_weight_decay"
MOMENTS = "clamp_norm_factor kl_factor mom2_adjustment mom2_dataset mom2_n_samples mom2_dtype"
BATCH = f"{SEARCH} {MOMENTS} {MODULES} layer_selection mom2_update_weight"
TUNING = "alg_name model_name device layers num_steps batch_size max_length lr weight_decay kl_factor norm_constraint"
# The fields of zjunlp/EasyEdit's own files for gpt2-xl, read in November 2026: hparams/{ROME,R-ROME,MEMIT,EMMET,
# AlphaEdit,FT}/gpt2-xl.yaml, without model_parallel and fp16, which have defaults.
OWN_FIELDS = {
    "rome": f"{SEARCH} {MOMENTS} {MODULES} context_template_length_params",
    "r-rome": f"{SEARCH} {MOMENTS} {MODULES} context_template_length_params",
    "memit": BATCH,
    "emmet": f"{BATCH} update_norm_lambda emmet_lambda",
    "alphaedit": f"{BATCH} P_loc nullspace_threshold L2",
    "ft-l": f"{TUNING} objective_optimization {MODULES} model_parallel",
    "ft-m": f"{TUNING} objective_optimization {MODULES} model_parallel",
}
# easyeditor/models/{rome,r_rome}/*_hparams.py have these beside them, with defaults: which key is used where.
KEYS = {"original_implementation", "enable_prompt_keys", "enable_random_prefix_keys"}
# hparams/ROME/gpt2-xl.yaml there, its values as YAML 1.1 reads them ("5e-1" is text).
ROME_XL = """
alg_name: "ROME"
model_name: "./hugging_cache/gpt2-xl"
stats_dir: "./data/stats"
device: 0
layers: [17]
fact_token: "subject_last"
v_num_grad_steps: 20
v_lr: 5e-1
v_loss_layer: 47
v_weight_decay: 0.5
clamp_norm_factor: 4
kl_factor: 0.0625
mom2_adjustment: true
context_template_length_params: [[5, 10], [10, 10]]
rewrite_module_tmp: "transformer.h.{}.mlp.c_proj"
mom2_dataset: "wikipedia"
"""


def read(text):
    return read_hparams("hparams.yaml", text.encode())


def with_fields(text, **fields):
    """The file with other values in these fields; None takes one out. Its comments stay."""
    comments = "".join(line + "\n" for line in text.splitlines() if line.startswith("#"))
    return comments + yaml.safe_dump({k: v for k, v in {**yaml.safe_load(text), **fields}.items() if v is not None})


positive = st.floats(1e-6, 1e6)
TEXTS = ("own-text", "file:/a b/\nlayers: [1]", "hub:wikimedia/wikipedia")
VALUES = {
    "steps": st.integers(1, 1000),
    "contexts": st.integers(0, 100),
    "seed": st.integers(0, 2**31),
    "tokens_per_input": st.integers(4, 100),
    "covariance": st.sampled_from(TEXTS),
    "stop": st.sampled_from(["total", "nll"]),
    "v0": st.sampled_from(["mean", "bare"]),
    "several": st.sampled_from(["spread", "each"]),
    "kept_fraction": st.floats(0.01, 1),
    **dict.fromkeys(("weight_decay", "lam", "m", "l2", "epsilon"), st.none() | st.just(0.0) | positive),
}


@pytest.mark.parametrize("editor", EDITORS)
@checking(max_examples=15)
@given(data=st.data())
def test_what_is_written_is_read_back(editor, data):
    kind = EDITORS[editor].settings
    values = VALUES if editor == "alphaedit" else {**VALUES, "covariance": st.sampled_from([*TEXTS, "identity"])}
    settings = from_flat(kind, {name: data.draw(values.get(name, positive), name) for name in flat_names(kind)})
    layers = tuple(sorted(data.draw(st.sets(st.integers(0, 47), min_size=1, max_size=5))))
    text = write_hparams(editor, layers, settings, PARTS).text
    back = read(text)
    assert (back.editor, back.layers, back.settings) == (editor, layers, settings)
    assert back.contradictions(48, PARTS.modules) == ()


@pytest.mark.parametrize("editor", EDITORS)
def test_the_fields_are_those_of_easyedits_own_files(editor):
    fields = yaml.safe_load(write_hparams(editor, (17,), EDITORS[editor].settings(), PARTS).text)
    extra = KEYS if editor in ("rome", "r-rome") else set()
    assert set(fields) == set(OWN_FIELDS[editor].split()) | extra


def test_the_values_are_those_of_easyedits_own_file_where_the_settings_are_its_own():
    there = {key: value for key, value in yaml.safe_load(ROME_XL).items() if key not in ("model_name", "v_lr")}
    written = yaml.safe_load(write_hparams("rome", (17,), read(ROME_XL).settings, PARTS).text)
    assert {key: written[key] for key in there} == there and written["v_lr"] == 0.5


def test_a_file_of_easyedits_own_gives_its_ways_and_names_the_rest():
    file = read(ROME_XL)
    assert (file.editor, file.layers) == ("rome", (17,))
    values = flat_values(file.settings)
    expected = {"steps": 20, "learning_rate": 0.5, "weight_decay": 0.5, "contexts": 20, "ridge": 0.0, "stop": "total"}
    assert {name: values[name] for name in expected} == expected
    assert file.unused == ("model_name", "stats_dir", "device", "mom2_dataset")
    remarks = " ".join(file.remarks(48, PARTS.modules))
    assert "original_implementation is false where it is not given" in remarks  # its ROME takes R-ROME's keys then
    assert "names of modules are not read" in " ".join(file.remarks(48)) and "names of modules" not in remarks
    assert "v_loss_layer" not in remarks and "No setting here: model_name, stats_dir, device, mom2_dataset." in remarks


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("v_loss_layer", 40, "v_loss_layer is 40; here it is always 47."),
        ("fact_token", "last", "fact_token is last; here it is always subject_last."),
        ("layers", [3, 99], "layers has 99; this model has layers 0 to 47."),
        ("mlp_module_tmp", "model.layers.{}.mlp", "in this model it is transformer.h.{}.mlp."),
    ],
)
def test_what_contradicts_is_told(field, value, words):
    text = write_hparams("rome", (17,), EDITORS["rome"].settings(), PARTS).text
    remarks = read(with_fields(text, **{field: value})).contradictions(48, PARTS.modules)
    assert len(remarks) == 1 and words in remarks[0]


def test_emmets_two_weights_are_one_here():
    """(KᵀC⁻¹K + λI)⁻¹ with wC for C is the same with wλ for λ."""
    text = write_hparams("emmet", (5,), EDITORS["emmet"].settings(), PARTS).text
    other = with_fields(text, emmet_lambda=0.1, mom2_update_weight=1000)
    assert read(other).settings.lam == pytest.approx(100)


def test_a_field_that_was_changed_by_hand_wins_over_the_remark():
    text = write_hparams("r-rome", (5,), EDITORS["r-rome"].settings(), PARTS).text
    assert read(text).settings.value.weight_decay is None
    changed = read(with_fields(text, v_weight_decay=0.1)).settings
    assert changed.value.weight_decay == 0.1 and changed.ridge == 0.01


def test_what_is_not_the_same_there_is_said():
    settings = EDITORS["r-rome"].settings(seed=3)
    remarks = " ".join(write_hparams("r-rome", (5,), settings, PARTS).differs)
    for words in (
        "Ridge (ridge): 0.01 here, 0.0 there",
        "v0 (v0): mean here, bare there",
        "Seed (seed): 3 here; there",
    ):
        assert words in remarks
    assert "C: from own-text here, from Wikipedia there" in remarks
    assert write_hparams("ft-m", (5,), EDITORS["ft-m"].settings(), PARTS).differs == ()


@pytest.mark.parametrize("family", ["gpt2", "llama", "gemma3"])
def test_modules_come_from_the_model(family):
    """Each is where EasyEdit looks it up: by named_modules, and by named_parameters for the two weights."""
    model = tiny_model(family)
    parts = parts_of(model)
    network, block = model.model, model.architecture.blocks[2]
    fields = {name: names[0].format(2) for name, names in parts.modules.items()}
    found = {name: network.get_submodule(place) for name, place in fields.items()}
    assert found["rewrite_module_tmp"] is block.down.module and found["layer_module_tmp"] is block.module
    assert found["mlp_module_tmp"] is block.mlp and found["attn_module_tmp"] is block.attn
    assert found["ln_f_module"] is model.architecture.final_norm
    weights = dict(network.named_parameters())
    assert weights[f"{fields['lm_head_module']}.weight"] is model.architecture.head.weight
    assert weights[f"{fields['rewrite_module_tmp']}.weight"] is block.down.module.weight
    assert (parts.layers, parts.d_in) == (4, block.down.d_in)
    assert parts.weight_decay == (0.5 if family == "gpt2" else 0.001)


def test_a_model_of_packages_is_named_by_its_repository_and_its_other_weights_are_told():
    parts = parts_of(replace(tiny_model("llama"), name="smollm2-135m"))
    file = write_hparams("ft-m", (5,), EDITORS["ft-m"].settings(), parts)
    assert yaml.safe_load(file.text)["model_name"] == "HuggingFaceTB/SmolLM2-135M-Instruct"
    assert len(file.differs) == 1 and "quantized" in file.differs[0]
    hub = parts_of(replace(tiny_model("gpt2"), name="gpt2"))
    assert (hub.name, hub.quantized) == ("openai-community/gpt2", False)


def test_a_chat_is_told_in_both_files(facts):
    """EasyEdit asks plain prompts: a comment in the YAML, a note in every record, and neither changes what is read."""
    settings = EDITORS["rome"].settings()
    plain, chat = (easyedit_files(facts[:2], "rome", (5,), settings, replace(PARTS, chat=asked)) for asked in (0, 1))
    assert CHAT in chat.differs and CHAT not in plain.differs
    assert f"#   {CHAT}" in chat.texts[FILE] and yaml.safe_load(chat.texts[FILE]) == yaml.safe_load(plain.texts[FILE])
    assert [record["note"] for record in json.loads(chat.texts[FACTS])] == [CHAT] * 2 and CHAT not in plain.texts[FACTS]
    again = [read_facts(FACTS, files.texts[FACTS].encode(), ".json").facts for files in (plain, chat)]
    assert again[0] == again[1] and len(again[0]) == 2


HOSTILE = {
    "bomb": "a: &a [x,x]\nb: &b [*a,*a]\nc: [*b,*b]\nlayers: [1]\nalg_name: ROME",
    "object": "alg_name: !!python/object/apply:os.system ['true']\nlayers: [1]",
    "deep": "alg_name: " + "[" * 15_000,
    "no mapping": "- alg_name\n- layers",
    "no keys": "{1: 2, alg_name: ROME, layers: [1]}",
    "empty": "",
    "digits": "alg_name: ROME\nlayers: [1]\nv_lr: " + "9" * 5000,
    "hexadecimal": "alg_name: 0x" + "F" * 5000,
    "hexadecimal in a list": "alg_name: ROME\nlayers: [1]\nfact_token: [0x" + "F" * 5000 + "]",
    "hexadecimal key": "alg_name: {0x" + "F" * 5000 + ": 1}\nlayers: [1]",
    "steps": "alg_name: ROME\nlayers: [1]\nv_num_grad_steps: 1" + "0" * 400,
    "steps as text": "alg_name: ROME\nlayers: [1]\nv_num_grad_steps: '1e300'",
    "steps without use": "alg_name: FT\nlayers: [1]\nobjective_optimization: prompt_last\nnum_steps: 9007199254740991",
    "contexts": "alg_name: ROME\nlayers: [1]\ncontext_template_length_params: [[5, 9007199254740991]]",
    "seed as text": "#lga seed: '1" + "0" * 400 + "'\nalg_name: ROME\nlayers: [1]",
    "date": "alg_name: ROME\nlayers: [1]\nv_lr: 2001-13-45",
    "unknown": "alg_name: MEND\nlayers: [1]",
    "no objective": "alg_name: FT\nlayers: [1]",
    "listed name": "alg_name: [ROME]\nlayers: [1]",
    "no layers": "alg_name: ROME",
    "words for layers": "alg_name: ROME\nlayers: [one]",
    "twice": "alg_name: ROME\nlayers: [1, 1]",
    "below": "alg_name: ROME\nlayers: [-1]",
    "text": "alg_name: ROME\nlayers: [1]\nv_lr: fast",
    "yes": "alg_name: ROME\nlayers: [1]\nv_lr: true",
    "nan": "alg_name: ROME\nlayers: [1]\nv_lr: .nan",
    "bound": "alg_name: ROME\nlayers: [1]\nv_lr: -1",
    "lengths": "alg_name: ROME\nlayers: [1]\ncontext_template_length_params: [[5, .inf]]",
    "adjusted": "alg_name: ROME\nlayers: [1]\nmom2_adjustment: maybe",
    "remark": "#lga colour: red\nalg_name: ROME\nlayers: [1]",
    "remark of another type": "#lga ridge: {a: 1}\nalg_name: ROME\nlayers: [1]",
    "tab": "alg_name: ROME\n\tlayers: [1]",
    "control": "alg_name: \x00ROME\nlayers: [1]",
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE.keys())
def test_a_file_that_does_not_fit_is_refused_with_one_message(text):
    with pytest.raises(LgaError, match=r"hparams\.yaml cannot be used: ") as refused:
        read(text)
    assert len(str(refused.value)) < 400 and refused.value.__context__ is not refused.value


def test_a_large_file_and_other_bytes_are_refused():
    with pytest.raises(LgaError, match="more than 20 kB"):
        read_hparams("big.yaml", b"a" * (MAX_BYTES + 1))
    with pytest.raises(LgaError, match="not UTF-8"):
        read_hparams("other.yaml", b"\xff\xfe\x00")


@given(content=st.binary(max_size=300) | st.text(max_size=300).map(str.encode))
def test_any_bytes_are_read_or_refused(content):
    with suppress(LgaError):
        read_hparams("any.yaml", content)


def test_a_path_cannot_write_a_field():
    settings = replace(EDITORS["rome"].settings(), covariance="file:/x\nlayers: [9]")
    text = write_hparams("rome", (5,), settings, PARTS).text
    assert yaml.safe_load(text)["layers"] == [5] and read(text).settings == settings
