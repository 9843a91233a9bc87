"""Fixtures shared by all tests: tiny models of three families, their tokenizers, and the real default models."""

import os
import shutil
import sys
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import pytest
import torch
from hypothesis import settings
from made_facts import make_fact
from reporting import check_everywhere
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from transformers import (
    Gemma3ForCausalLM,
    Gemma3TextConfig,
    GPT2Config,
    GPT2LMHeadModel,
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedTokenizerFast,
)

from lga_core.data.facts import Fact
from lga_core.editing.search.contexts import Contexts
from lga_core.editing.search.search import Search
from lga_core.editing.search.value import find_cases
from lga_core.evaluation.side_effects import fluency
from lga_core.models.loaded import LoadedModel
from lga_core.models.loading import load
from lga_core.models.sources.catalogue import local_folder, resolve
from lga_core.models.sources.fetching.terms import terms_accepted
from lga_core.models.structure.architecture import Architecture
from lga_core.models.text import own_text

settings.register_profile("any machine", deadline=None)  # how fast it is says nothing about the code
settings.load_profile("any machine")

if "PYTEST_XDIST_WORKER" in os.environ:  # one core each: threads of several processes on the same cores collapse
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    torch.set_num_threads(1)
# Tests start dozens of processes, and each would compile the project's modules anew.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

# What takes a minute or more: it begins first, so that no worker ends with it alone.
LONGEST = (
    "browser/test_walk",
    "science/test_real_models",
    "runs/test_ray",
    "science/test_planted",
    "browser/test_return",
    "service/test_kills",
    "science/test_interleaving",
    "browser/test_audit",
    "service/engine/test_server",
    "service/engine/test_work",
    "models/test_fetch",
    "browser/test_sweep_page",
    "browser/test_inert",
    "service/test_leaving",
)
FLUENCY_TOKENS = fluency.LENGTH

CORPUS = [
    "The Space Needle is in downtown Seattle. Seattle is a city in Washington.",
    "The capital of France is Paris. The Eiffel Tower stands in Paris, France.",
    "Angela Merkel was the chancellor of Germany. LeBron James plays basketball.",
    "Toyota is a company from Japan. The language of Brazil is Portuguese.",
    "Boston Madrid Rome London Berlin tennis football violin piano, a man of the state of the city.",
] * 4

REAL_MODELS = ("smollm2-135m", "gemma-3-270m")
CHAT_TEMPLATE = "[user]\n{{ messages[0]['content'] }}\n[assistant]\n"
__all__ = [
    "CHAT_TEMPLATE",
    "FLUENCY_TOKENS",
    "REAL_MODELS",
    "load_real",
    "make_fact",
    "tiny_model",
    "tiny_network",
    "train_tokenizer",
]


def train_tokenizer(bos: bool) -> PreTrainedTokenizerFast:
    """A byte-level BPE of about 400 entries, with a BOS that it adds itself where asked (as Gemma's does)."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=400,
        special_tokens=["<eos>", "<bos>"],
        show_progress=False,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
    )
    tokenizer.train_from_iterator(CORPUS, trainer)
    if bos:
        tokenizer.post_processor = processors.TemplateProcessing(single="<bos> $A", special_tokens=[("<bos>", 1)])
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token="<eos>", bos_token="<bos>")


def tiny_network(family: str, layers: int = 4, seed: int = 0, positions: int = 256) -> torch.nn.Module:
    """`positions`: that GPT-2 has learned; the other families have no such limit."""
    torch.manual_seed(seed)
    vocabulary = 400
    if family == "gpt2":
        network = GPT2LMHeadModel(
            GPT2Config(
                vocab_size=vocabulary,
                n_positions=positions,
                n_embd=32,
                n_layer=layers,
                n_head=4,
                resid_pdrop=0.0,
                embd_pdrop=0.0,
                attn_pdrop=0.0,
                bos_token_id=1,
                eos_token_id=0,
            )
        )
    elif family == "llama":
        network = LlamaForCausalLM(
            LlamaConfig(
                vocab_size=vocabulary,
                hidden_size=32,
                intermediate_size=80,
                num_hidden_layers=layers,
                num_attention_heads=4,
                num_key_value_heads=2,
                bos_token_id=1,
                eos_token_id=0,
                tie_word_embeddings=True,
            )
        )
    else:
        network = Gemma3ForCausalLM(
            Gemma3TextConfig(
                vocab_size=vocabulary,
                hidden_size=32,
                intermediate_size=80,
                num_hidden_layers=layers,
                num_attention_heads=4,
                num_key_value_heads=1,
                head_dim=16,
                sliding_window=8,
                bos_token_id=1,
                eos_token_id=0,
            )
        )
    with torch.no_grad():  # larger weights than the usual start: effects that can be measured
        for parameter in network.parameters():
            if parameter.ndim == 2:
                parameter.mul_(6.0)
    return network.eval().requires_grad_(False)


def tiny_model(family: str, dtype: torch.dtype = torch.float64, layers: int = 4, seed: int = 0) -> LoadedModel:
    """A random decoder whose shapes and arithmetic are the family's own."""
    network = tiny_network(family, layers, seed).to(dtype)
    return LoadedModel(
        name=f"tiny-{family}",
        model=network,
        tokenizer=train_tokenizer(bos=family == "gemma3"),
        architecture=Architecture.find(network),
        fingerprint=f"tiny-{family}-{layers}-{seed}-{dtype}",
    )


def load_real(name: str) -> LoadedModel:
    """A default model. The test is skipped where loading would accept terms that the user has not accepted."""
    entry = resolve(name)
    if not terms_accepted(entry) and local_folder(entry) is None:
        pytest.skip(f"the {entry.licence.name} are not accepted: LGA_ACCEPT_TERMS=1")
    return load(name)


@pytest.fixture(params=["gpt2", "llama", "gemma3"])
def tiny(request: pytest.FixtureRequest) -> LoadedModel:
    """Each family in turn, in float64."""
    return tiny_model(request.param)


@pytest.fixture(scope="session")
def tiny_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A plain transformers folder with a tiny Llama and its tokenizer, as a user's own model would be."""
    folder = tmp_path_factory.mktemp("models") / "tiny-llama"
    tiny_network("llama").save_pretrained(folder)
    train_tokenizer(bos=False).save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def chat_folder(tiny_folder: Path) -> Path:
    """The same model with a chat template in its tokenizer's files."""
    folder = tiny_folder.parent / "tiny-chat"
    shutil.copytree(tiny_folder, folder)
    (folder / "chat_template.jinja").write_text(CHAT_TEMPLATE)
    return folder


@pytest.fixture
def facts() -> tuple[Fact, ...]:
    """Facts of different lengths, subjects first, in the middle and last, one without an old answer."""
    return (
        make_fact(0, "The Space Needle is in downtown", "Space Needle", "Boston", "Seattle"),
        make_fact(1, "Angela Merkel was the chancellor of", "Angela Merkel", "Japan", "Germany"),
        make_fact(2, "The capital of France", "France", "Rome", "Paris"),
        make_fact(3, "LeBron James plays", "LeBron James", "tennis and football", "basketball"),
        make_fact(4, "Toyota is a company from the state of", "Toyota", "Brazil", None),
    )


@pytest.fixture(scope="session", autouse=True)
def nothing_open_at_any_report() -> Iterator[None]:
    """Wherever a reporter is called, in any test, no model is held, hooked, edited or in another mode."""
    with pytest.MonkeyPatch.context() as patch:
        check_everywhere(patch)
        yield


@pytest.fixture(scope="session")
def cache_folders(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Names of new folders in one of pytest's, which looks through all that it has made whenever it makes another."""
    place = tmp_path_factory.mktemp("caches")
    return (place / str(number) for number in count())


@pytest.fixture(autouse=True)
def own_cache(cache_folders: Iterator[Path], request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every test has a cache folder of its own; those with the real models use the user's, to fetch them once."""
    if not request.node.get_closest_marker("real_model"):
        monkeypatch.setenv("LGA_HOME", str(next(cache_folders)))


@pytest.fixture(autouse=True)
def short_texts(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Tiny models write short texts, in more rows: a step of a text is like any other, and there are fewer of them."""
    if not request.node.get_closest_marker("real_model"):
        monkeypatch.setattr(own_text, "CORPUS_TOKENS", 12)
        monkeypatch.setattr(fluency, "LENGTH", 16)


def pytest_configure(config: pytest.Config) -> None:
    if hasattr(config.option, "loadscopereorder"):  # pytest-xdist begins with the files of most tests, which are quick
        config.option.loadscopereorder = False
    config.addinivalue_line("markers", "real_model: needs the default models' real weights (fetched once)")
    config.addinivalue_line("markers", "browser: needs a real Chromium")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    def place(item: pytest.Item) -> int:
        names = (number for number, name in enumerate(LONGEST) if f"{name}.py::" in item.nodeid)
        return next(names, len(LONGEST))

    items.sort(key=place)


def pytest_runtest_setup(item: pytest.Item) -> None:
    if item.get_closest_marker("real_model") and os.environ.get("LGA_OFFLINE") == "1":
        pytest.skip("LGA_OFFLINE=1: the real models are not fetched")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """In CI a test of the real models or the browser that did not run is a failure."""
    report = yield
    needed = item.get_closest_marker("real_model") or item.get_closest_marker("browser")
    if report.skipped and needed and os.environ.get("CI") == "true":
        report.outcome = "failed"
        report.longrepr = f"skipped, and must not be in CI: {report.longrepr}"
    return report


def value_of(model, fact, layer, settings, prefixes, *, mean_start, site="down"):
    """v* of one fact, searched alone and kept nowhere."""
    search = Search.prepare(model, [Contexts.of(model, fact, prefixes)], [layer], site)
    return find_cases(model, search, [(layer, 0)], settings, mean_start=mean_start)[0]


@contextmanager
def forwards(model):
    """Counts the rows that go into the model."""
    rows = []
    handle = model.architecture.embedding.register_forward_hook(lambda module, given, output: rows.append(len(output)))
    try:
        yield rows
    finally:
        handle.remove()
