"""Loading: what comes out is ready and read-only; what is wrong with a folder is said."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from conftest import REAL_MODELS, load_real, train_tokenizer
from models.conftest import edit_json
from models.families import EXPERT_FAMILIES, FAMILIES
from reporting import Collect
from safetensors.torch import load_file, save_file
from tokenizers.processors import TemplateProcessing
from transformers import BertConfig, BertForMaskedLM, GPT2Config, GPT2LMHeadModel, PreTrainedTokenizerFast, T5Config

from lga_core.errors import LgaError
from lga_core.models.loading import load, pick_device, pick_dtype
from lga_core.models.running.generate import generate, sampler
from lga_core.models.sources.catalogue import resolve
from lga_core.models.sources.fingerprint import folder_fingerprint
from lga_core.models.text.texts import text_named
from lga_core.models.text.tokens import answer_row, prompt_row
from lga_core.progress import Phase, Progress
from lga_core.results import ModelIdentity
from lga_core.service.work.desk import machine


def test_a_loaded_model_is_ready_and_read_only(folder: Path):
    report = Collect()
    loaded = load(str(folder), device="cpu", report=report)
    loading = [step for step in report.steps if step.phase is Phase.LOAD]
    assert [step.done for step in loading] == [0, 1, 2, 3]
    assert {(step.total, step.detail) for step in loading} == {(3, "model")}
    size = (folder / "model.safetensors").stat().st_size
    assert Progress(phase=Phase.CHECK_FILES, done=size, total=size, detail="model.safetensors") in report.steps
    assert loaded.name == str(folder) and loaded.layers == 4 and loaded.dtype == torch.float32
    assert not loaded.model.training and not any(parameter.requires_grad for parameter in loaded.model.parameters())
    assert loaded.model.config._attn_implementation == "sdpa"
    assert loaded.tokenizer.is_fast and loaded.tokenizer.pad_token_id is not None
    kept = load_file(folder / "model.safetensors")["model.layers.2.mlp.down_proj.weight"]
    assert torch.equal(loaded.model.get_submodule("model.layers.2.mlp.down_proj").weight, kept)


def test_a_loaded_models_identity_says_what_it_is_without_it(folder: Path):
    loaded = load(str(folder), device="cpu", dtype="bfloat16")
    assert loaded.identity == ModelIdentity(
        name=str(folder),
        fingerprint=folder_fingerprint(folder),
        layers=4,
        dtype="torch.bfloat16",
        machine=loaded.machine,
    )
    assert loaded.machine.startswith("cpu, bfloat16, ")


def test_bfloat16_is_a_choice(folder: Path):
    assert load(str(folder), device="cpu", dtype="bfloat16").dtype == torch.bfloat16


def test_auto_picks_what_the_machine_has():
    assert pick_device("auto").type == ("cuda" if torch.cuda.is_available() else "cpu")
    assert pick_dtype("auto", torch.device("cpu")) == torch.float32
    assert pick_dtype("auto", torch.device("cuda")) == torch.bfloat16


@pytest.mark.parametrize(
    "choice, cause",
    [
        ({"device": "gpu0"}, "no device 'gpu0'"),
        ({"device": "cuda:99"}, "no device 'cuda:99'"),
        ({"device": "mps"}, "'mps' has no float64"),
        ({"device": "cpu", "dtype": "int4"}, "no dtype 'int4'"),
    ],
)
def test_a_device_or_dtype_that_is_not_there(folder: Path, choice: dict[str, str], cause: str):
    with pytest.raises(LgaError, match=cause) as caught:
        load(str(folder), **choice)
    assert "auto" in caught.value.hint


def drop(name: str) -> Callable[[Path], None]:
    return lambda folder: (folder / name).unlink()


def to_pickle(folder: Path) -> None:
    torch.save(load_file(folder / "model.safetensors"), folder / "pytorch_model.bin")
    (folder / "model.safetensors").unlink()


def to_shards(folder: Path) -> None:
    (folder / "model.safetensors").rename(folder / "model-00001-of-00002.safetensors")
    index = {"weight_map": {"a": "model-00001-of-00002.safetensors", "b": "model-00002-of-00002.safetensors"}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))


def truncate(folder: Path) -> None:
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1000])


def lose_a_matrix(folder: Path) -> None:
    weights = load_file(folder / "model.safetensors")
    del weights["model.layers.1.mlp.down_proj.weight"]
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})


def other_shape(folder: Path) -> None:
    edit_json(folder / "config.json", intermediate_size=96)


def foreign_tokenizer(folder: Path) -> None:
    tokenizer: PreTrainedTokenizerFast = train_tokenizer(bos=False)
    tokenizer.add_tokens([f"more{number}" for number in range(50)])
    tokenizer.save_pretrained(folder)


def own_code(folder: Path) -> None:
    edit_json(
        folder / "config.json",
        model_type="mine",
        auto_map={"AutoConfig": "code.Mine", "AutoModelForCausalLM": "code.M"},
    )
    (folder / "code.py").write_text("raise SystemExit('this must not run')")


def encoder(folder: Path) -> None:
    """BERT, which transformers opens as a causal model when it is asked to."""
    torch.manual_seed(0)
    network = BertForMaskedLM(
        BertConfig(
            vocab_size=400,
            hidden_size=32,
            intermediate_size=80,
            num_hidden_layers=2,
            num_attention_heads=4,
            initializer_range=0.3,
        )
    )
    network.save_pretrained(folder)


def encoder_and_decoder(folder: Path) -> None:
    T5Config(vocab_size=400, architectures=["T5ForConditionalGeneration"]).save_pretrained(folder)


def experts(folder: Path) -> None:
    mixtral = next(family for family in EXPERT_FAMILIES if family.name == "mixtral")
    mixtral.build().save_pretrained(folder)


def enormous(folder: Path) -> None:
    """Four terabytes of weights that take no disk: a true header over a file of holes."""
    header = json.dumps({"w": {"dtype": "F32", "shape": [10**6, 10**6], "data_offsets": [0, 4 * 10**12]}}).encode()
    with (folder / "model.safetensors").open("wb") as file:
        file.write(len(header).to_bytes(8, "little") + header)
        file.truncate(8 + len(header) + 4 * 10**12)


@pytest.mark.parametrize(
    "damage, cause",
    [
        (drop("config.json"), "has no config.json"),
        (drop("model.safetensors"), "has no weights"),
        (to_pickle, "pickled weights only"),
        (to_shards, "lacks 1 of 2 weight files, first model-00002-of-00002"),
        (truncate, "are damaged"),
        (lose_a_matrix, "do not fit its config.json: 1 lacking"),
        (other_shape, "do not fit its config.json|cannot read the model"),
        (drop("tokenizer.json"), "has no tokenizer"),
        (lambda folder: (folder / "tokenizer.json").write_text("{"), "cannot read the tokenizer"),
        (foreign_tokenizer, "more tokens than the model's 400 embeddings"),
        (lambda folder: (folder / "config.json").write_text("{"), "cannot be read as JSON|cannot read the"),
        (lambda folder: edit_json(folder / "config.json", model_type="unheard-of"), "cannot read the"),
        (own_code, "needs code of its own"),
        (lambda folder: (folder / "adapter_config.json").write_text("{}"), "holds an adapter beside the model"),
        (encoder, "BertLMHeadModel in .* is an encoder: its tokens see what comes after them"),
        (encoder_and_decoder, "T5ForConditionalGeneration in .* is an encoder with a decoder"),
        (experts, "MixtralForCausalLM in .* is a mixture of 4 experts: .* no single down projection"),
        (enormous, r"needs 4800\.0 GB of memory on cpu, .* are free"),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_a_bad_folder_is_one_message_with_its_mend(folder: Path, damage: Callable[[Path], None], cause: str):
    damage(folder)
    with pytest.raises(LgaError, match=cause) as caught:
        load(str(folder), device="cpu")
    assert caught.value.hint and "\n" not in str(caught.value)


def test_a_folder_that_is_not_a_model(tmp_path: Path):
    with pytest.raises(LgaError, match=r"has no config\.json"):
        load(str(tmp_path))


@pytest.mark.parametrize("name", ["qwen2", "phi3", "gemma3-multimodal"])
def test_a_folder_with_the_general_tokenizer_class_is_read_as_it_stands(name: str, tmp_path: Path):
    """Qwen 2's class in transformers would put a token of its own into any tokenizer, past the embeddings."""
    family = next(family for family in FAMILIES if family.name == name)
    tokenizer = train_tokenizer(family.bos)
    family.build().save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    model = load(str(tmp_path), device="cpu")
    assert type(model.model).__name__ == family.classes[1] and len(model.tokenizer) == len(tokenizer)
    text = "The Space Needle's 12 floors, in Zürich 東京"
    assert model.tokenizer(text)["input_ids"] == tokenizer(text)["input_ids"]


def test_a_model_without_padding_token_gets_one(tmp_path: Path):
    config = GPT2Config(vocab_size=400, n_positions=64, n_embd=32, n_layer=2, n_head=4)
    GPT2LMHeadModel(config).save_pretrained(tmp_path)
    train_tokenizer(bos=False).save_pretrained(tmp_path)
    loaded = load(str(tmp_path), device="cpu")
    assert loaded.tokenizer.pad_token == "<eos>" and loaded.tokenizer(["a", "a b c"], padding=True).input_ids


def test_a_special_token_may_lack_an_embedding_until_a_text_holds_it(folder: Path):
    """As Gemma 3's token for images, which its text models have no row for."""
    tokenizer = train_tokenizer(bos=False)
    tokenizer.add_tokens([f"more{number}" for number in range(400 - len(tokenizer))])
    tokenizer.add_tokens(["<image>"], special_tokens=True)
    tokenizer.save_pretrained(folder)
    loaded = load(str(folder), device="cpu")
    assert loaded.tokenizer.convert_tokens_to_ids("<image>") == 400
    assert answer_row(loaded.asking, "The Space Needle is in", "Seattle").answer
    (folder / "text.txt").write_text("The Space Needle, <image> and all.")
    for make in (
        lambda: prompt_row(loaded.asking, "An <image> of Paris"),
        lambda: answer_row(loaded.asking, "Paris is", "an <image>"),
        lambda: list(text_named(f"file:{folder / 'text.txt'}", 0).rows(loaded, 10)),
    ):
        with pytest.raises(LgaError, match="no embedding for the token '<image>'"):
            make()


def test_a_text_longer_than_the_learned_positions_is_refused(tmp_path: Path):
    config = GPT2Config(vocab_size=400, n_positions=16, n_embd=32, n_layer=2, n_head=4)
    GPT2LMHeadModel(config).save_pretrained(tmp_path)
    train_tokenizer(bos=False).save_pretrained(tmp_path)
    loaded = load(str(tmp_path), device="cpu")
    row = prompt_row(loaded.asking, "Paris is in")
    with pytest.raises(LgaError, match=r"tokens \(“The Space Needle .*”\) is longer than this model’s 16 positions"):
        prompt_row(loaded.asking, "The Space Needle is in Seattle and " * 9)
    fits = 16 - len(row.ids) + 1  # the last token is not read again
    (text,) = generate(loaded, [row], fits, sampler([0]), phase=Phase.FLUENCY, past_ends=True)
    assert len(text) == fits
    with pytest.raises(LgaError, match="A text of 17 tokens"):
        generate(loaded, [row], fits + 1, sampler([0]), phase=Phase.FLUENCY, past_ends=True)


def test_a_tokenizer_that_ends_every_text_is_refused(folder: Path):
    tokenizer = train_tokenizer(bos=False)
    ending = TemplateProcessing(single="$A <eos>", special_tokens=[("<eos>", tokenizer.eos_token_id)])
    tokenizer.backend_tokenizer.post_processor = ending
    tokenizer.save_pretrained(folder)
    with pytest.raises(LgaError, match="puts '<eos>' after every text"):
        load(str(folder), device="cpu")


def test_other_models_have_no_such_bound(tiny_folder: Path):
    assert load(str(tiny_folder), device="cpu").asking.positions is None


def test_weights_that_give_no_finite_numbers_are_refused(tmp_path: Path):
    network = GPT2LMHeadModel(GPT2Config(vocab_size=400, n_positions=64, n_embd=32, n_layer=2, n_head=4))
    with torch.no_grad():
        network.transformer.h[1].mlp.c_proj.weight[0, 0] = float("nan")
    network.save_pretrained(tmp_path)
    train_tokenizer(bos=False).save_pretrained(tmp_path)
    with pytest.raises(LgaError, match="not finite in float32"):
        load(str(tmp_path), device="cpu")


def test_a_configuration_that_asks_for_tuples_loads(folder: Path):
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "return_dict": False}))
    assert load(str(folder), device="cpu").layers


def test_an_index_beside_a_whole_file_is_not_read(folder: Path):
    first = folder_fingerprint(folder)
    index = {"weight_map": {"a": "model-00001-of-00001.safetensors"}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    assert load(str(folder), device="cpu").fingerprint == first


def test_the_environment_sets_the_threads(tiny_folder: Path, monkeypatch: pytest.MonkeyPatch):
    before = torch.get_num_threads()
    try:
        monkeypatch.setenv("LGA_THREADS", str(before + 1))
        assert load(str(tiny_folder), device="cpu").identity.machine.endswith(f", {before + 1} threads")
    finally:
        torch.set_num_threads(before)
    for text in ("two", "9" * 12):
        monkeypatch.setenv("LGA_THREADS", text)
        for use in (machine, lambda: load(str(tiny_folder))):
            said = rf"LGA_THREADS is '{text}', which is no number of threads\. Set LGA_THREADS=2"
            with pytest.raises(LgaError, match=said):
                use()


@pytest.mark.real_model
@pytest.mark.parametrize("name", REAL_MODELS)
def test_the_real_models_load_and_know_paris(name: str):
    entry, loaded = resolve(name), load_real(name)
    assert loaded.layers == entry.layers and loaded.model.num_parameters() == entry.parameters
    prompt = loaded.tokenizer("The capital of France is", return_tensors="pt")
    with loaded.using("a test"), torch.no_grad():
        best = loaded.model(**prompt).logits[0, -1].topk(3).indices.tolist()
    words = [loaded.tokenizer.decode(token) for token in best]
    assert " Paris" in (words[:1] if name == "smollm2-135m" else words)


def test_a_test_of_gemma_is_skipped_where_its_terms_are_not_accepted(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("LGA_ACCEPT_TERMS", raising=False)
    with pytest.raises(pytest.skip.Exception, match="Gemma Terms of Use are not accepted: LGA_ACCEPT_TERMS=1"):
        load_real("gemma-3-270m")
