"""Generated hostile input at every door: nothing but an LgaError comes out, nothing leaves its folder, nothing is run.

LGA_ATTACKS sets how many cases there are in all (300 in the suite; docs/RESULTS.md says how many were tried).
"""

import csv
import hashlib
import html
import io
import json
import os
import random
import signal
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from attack.adapter_doors import adapter_loaded, adapter_published
from attack.hostile import document, name, safetensors, trap, value, word
from conftest import tiny_model
from uploading import read_facts

from lga_core.data.asked import MOST_LAYERS, parse_layers
from lga_core.data.load import fact_from_form, load_facts, write_facts
from lga_core.editing.files.easyedit.reading import read_hparams
from lga_core.editing.files.manifest import FORMAT, Manifest
from lga_core.editing.files.reading import read_edit_set
from lga_core.errors import LgaError
from lga_core.models.sources import checkpoint
from lga_core.models.sources.catalogue import local_folder, resolve
from lga_core.models.sources.fingerprint import folder_fingerprint
from lga_core.models.structure import quantized
from lga_core.models.text.preview import has_chat_template, token_preview
from lga_core.models.text.sources import content_key
from lga_core.runs.storage.bin import RunBin
from lga_core.runs.storage.index import RunIndex
from lga_core.runs.storage.store import Store
from lga_core.view.export.frames.table import table, to_csv
from lga_core.view.words.text import escape, shorten, token_label, wrap
from pages._ui.facts.sets import file_name
from pages._ui.runs.opening import linked_fact, linked_layers
from pages._ui.session.state import FACT, LAYERS, RUN
from pages._ui.shell.text import fact_line, safe

CASES = int(os.environ.get("LGA_ATTACKS", "300"))
CONFIG = {"model_type": "llama", "architectures": ["LlamaForCausalLM"], "num_hidden_layers": 2, "text_config": {}}
INDEX = {"metadata": {"total_size": 16}, "weight_map": {"weight": "model.safetensors"}}
TOKENIZER = {"tokenizer_class": "PreTrainedTokenizerFast", "chat_template": "{{ messages }}"}
DIGESTS = {"model.safetensors": {"state": "1 1", "sha256": "0"}, "tokenizer.json": {"state": "1 1", "sha256": "0"}}
SECONDS = 300  # for one case: the slowest takes a few, and far longer on a machine with much else to do
FORMULA = ("=", "+", "-", "@", "＝", "＋", "－", "＠")


def upload(chance: random.Random, folder: Path) -> None:
    """Facts, and what is made of them: the file, its tables, every kind of label."""
    suffix = chance.choice((".json", ".jsonl", ".csv", word(chance)[:10]))
    subject = word(chance)[:12_000]
    record = {
        "prompt": f"{word(chance)[:200]} {subject} {word(chance)[:200]}",
        "subject": subject,
        "target_new": word(chance)[:300],
        "ground_truth": [word(chance)[:300]],
        "locality": value(chance),
    }
    trick = chance.random()
    if trick < 0.1:
        record |= {"locality": {"group": chance.choice(([0], [{"prompt": "a"}], [[]])) * 200_000}}
    elif trick < 0.15:
        record |= {str(number): 0 for number in range(100_000)}
    data = document(record, chance) if chance.random() < 0.5 else json.dumps(record).encode()
    if suffix == ".json":
        data = b"[" + data + b"]"
    elif suffix == ".csv":
        table = io.StringIO()
        csv.writer(table).writerows([("prompt", "subject", "target_new"), tuple(record.values())[:3]])
        data = table.getvalue().encode("utf-8", "surrogatepass")
    fact_set = read_facts(name(chance), data, suffix)
    assert len(fact_set.problems) < 1_000 and len(fact_set.facts) <= 1
    for fact in fact_set.facts:
        write_facts([fact]).encode()
        labels_are_inert(fact.prompt)
        labels_are_inert(fact_line(fact))
        cells_are_inert([fact.prompt, fact.subject, fact.target_new, *fact.target_old])


def typed(chance: random.Random, folder: Path) -> None:
    subject = word(chance)
    fact = fact_from_form(
        prompt=f"{word(chance)} {subject}",
        subject=subject,
        target_new=word(chance),
        target_old=word(chance),
        rephrases=[word(chance)],
        locality=[(word(chance), word(chance))],
    )
    labels_are_inert(fact.prompt)


def labels_are_inert(text: str) -> None:
    text = text[:20_000]
    for shown in (escape(text), wrap(text).replace("<br>", ""), token_label(text), escape(shorten(text))):
        assert not set(shown) & set("<>$"), shown
    markdown = safe(text[:5_000])
    assert "\n" not in markdown
    bare = markdown
    for letter in "\\`*_{}[]()#+-.!|<>~$&:@":
        bare = bare.replace(f"\\{letter}", "")
    assert not set(bare) & set("\\`*_[]()#<>$|~&:@!"), bare
    html.unescape(escape(text)).encode("utf-8", "surrogatepass")


def cells_are_inert(cells: list[str | None]) -> None:
    for row in csv.reader(io.StringIO(to_csv(table({"cell": "str"}, [[cell] for cell in cells])), newline="")):
        for cell in row:
            assert not cell.lstrip().startswith(FORMULA), cell


def fact_source(chance: random.Random, folder: Path) -> None:
    load_facts(name(chance))


def text_name(chance: random.Random, folder: Path) -> None:
    """A text for second moments, as an editor's settings name it."""
    named = chance.choice(("file:", "file: ", "hub:", "")) + name(chance)
    content_key(named)


def model_name(chance: random.Random, folder: Path) -> None:
    """Beside the names of the world those of what lies in this folder, which LGA_MODEL_ROOTS allows alone."""
    named = name(chance)
    if chance.random() < 0.5:
        named = str(folder / named.lstrip("/"))
    entry = resolve(named)
    assert entry.source != "path" or Path(entry.origin.path).resolve().is_relative_to(folder.resolve())
    local_folder(entry)


def run_key(chance: random.Random, folder: Path) -> None:
    store, key = Store(folder / "runs"), name(chance)
    done = []
    for call in (store.find, RunIndex(store).one, RunBin(store).delete, store.is_recorded, Store().find):
        try:
            done.append(call(key))
        except LgaError:
            continue
    assert not any(done)


def link(chance: random.Random, folder: Path) -> None:
    """What an address says beside the widgets that are bound to it."""
    numbers = ("3", "-1", "9" * 30, "1e3", "٣", " 4 ", "", "0x1")
    parts = [chance.choice(numbers) if chance.random() < 0.7 else word(chance) for _ in range(chance.randrange(6))]
    address = {LAYERS: ",".join(parts), FACT: chance.choice((*parts, word(chance))), RUN: name(chance)}
    layers, fact = linked_layers(address), linked_fact(address)
    assert all(0 <= layer < MOST_LAYERS for layer in layers) and layers == sorted(set(layers))
    assert fact is None or isinstance(fact, int)
    parse_layers(address[LAYERS])


def hparams(chance: random.Random, folder: Path) -> None:
    """EasyEdit's YAML: values of other kinds, aliases that multiply, deep nesting, tags that run code."""
    good = {"alg_name": "R-ROME", "layers": [5], "v_num_grad_steps": 20, "v_lr": 0.5, "kl_factor": 0.1}
    bombs = (
        b"a: &a [x, x]\nb: &b [*a, *a]\nc: &c [*b, *b]\nlayers: [*c, *c]",
        b"[" * 5_000,
        b"alg_name: !!python/object/apply:os.system ['touch hit']",
        b"alg_name: ROME\nlayers: [" + b"9" * 5_000 + b"]",
    )
    read = read_hparams(name(chance), chance.choice(bombs) if chance.random() < 0.2 else document(good, chance))
    for remark in read.remarks(4):
        labels_are_inert(remark)


def model_folder(chance: random.Random, folder: Path) -> None:
    """A transformers folder, its files broken one or more at a time."""
    place = folder / "model"
    place.mkdir(exist_ok=True)
    for file, good in (("config.json", CONFIG), ("tokenizer_config.json", TOKENIZER), (".lga-digests.json", DIGESTS)):
        broken = chance.random() < 0.4
        (place / file).unlink(missing_ok=True)
        if chance.random() < 0.1:  # what never ends
            chance.choice((os.mkfifo, lambda planted: planted.symlink_to("/dev/zero")))(place / file)
            continue
        (place / file).write_bytes(document(good, chance) if broken else json.dumps(good).encode())
    (place / "tokenizer.json").write_bytes(document({"version": "1.0", "model": {"type": "BPE"}}, chance))
    (place / "model.safetensors").write_bytes(safetensors(chance))
    index = place / "model.safetensors.index.json"
    index.unlink(missing_ok=True)
    if chance.random() < 0.5:
        index.write_bytes(document({**INDEX, "weight_map": {"weight": name(chance)}}, chance))
    has_chat_template(place)
    token_preview(place, word(chance)[:1_000], (0, 3))
    for read in (
        checkpoint.is_complete,
        checkpoint.check_complete,
        checkpoint.check_decoder,
        checkpoint.layers,
        checkpoint.parameters,
        checkpoint.tokenizer_class,
        quantized.check_readable,
        folder_fingerprint,
        lambda folder: resolve(str(folder)),
    ):
        try:
            read(place)
        except LgaError as error:
            assert error.cause and error.hint
    assert all(path.parent == place for path in files_of(place))


def files_of(place: Path) -> tuple[Path, ...]:
    try:
        return checkpoint.weight_files(place)
    except LgaError:
        return ()


def edit_set(chance: random.Random, folder: Path) -> None:
    """A .zip or folder of the right names with hostile content; names that lead elsewhere; a bomb."""
    manifest = {"format": 1, "model": word(chance)[:50], "entries": [], "packages": {}, "tensors_sha256": ""}
    tensors = safetensors(chance)
    parts = {"manifest.json": document(manifest, chance), "edits.safetensors": tensors}
    if chance.random() < 0.4:  # all in order but the tensors' header, which lies
        parts["manifest.json"] = signed(tensors)
    if chance.random() < 0.3:
        parts[f"../{name(chance)[:50]}"] = b"x"
    if chance.random() < 0.02:
        parts["manifest.json"] = bytes(100 * 2**20)
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for part, content in parts.items():
            archive.writestr(part.replace("\0", "").encode("utf-8", "replace").decode(), content)
    data = bytearray(file.getvalue())
    if chance.random() < 0.5:
        data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
    read_edit_set(bytes(data) if chance.random() < 0.7 else str(folder / name(chance).lstrip("/")), MODEL)


def signed(tensors: bytes) -> bytes:
    """A manifest that fits this tensor file and the model."""
    manifest = Manifest(
        format=FORMAT,
        model="tiny",
        model_fingerprint=MODEL.fingerprint,
        dtype="float32",
        created="",
        packages={},
        tensors_sha256=hashlib.sha256(tensors).hexdigest(),
        entries=(),
    )
    return manifest.model_copy(update={"sha256": manifest.digest}).model_dump_json().encode()


MODEL = tiny_model("llama")
DOORS: dict[Callable[[random.Random, Path], None], int] = {
    upload: 15,
    typed: 10,
    link: 5,
    hparams: 5,
    fact_source: 5,
    text_name: 5,
    model_name: 10,
    run_key: 10,
    model_folder: 10,
    edit_set: 10,
    adapter_loaded: 5,
    adapter_published: 10,
}  # per cent of the cases


@contextmanager
def within(seconds: float) -> Iterator[None]:
    """The test fails where the block takes longer, even where it waits for a pipe that nobody writes to."""

    def late(*_signal: object) -> None:
        pytest.fail(f"took longer than {seconds} s")

    before = signal.signal(signal.SIGALRM, late)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


@pytest.mark.parametrize("door", DOORS, ids=lambda door: door.__name__)
def test_hostile_input(door, tmp_path, monkeypatch):
    inside = trap(tmp_path)
    outside = {path: path.read_bytes() for path in (tmp_path / "outside").rglob("*") if path.is_file()}
    monkeypatch.chdir(inside)
    monkeypatch.setenv("HOME", str(inside))
    monkeypatch.setenv("LGA_OFFLINE", "1")
    monkeypatch.setenv("LGA_MODEL_ROOTS", str(inside))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    chance, refused = random.Random(door.__name__), 0
    cases = max(CASES * DOORS[door] // 100, 1)
    for number in range(cases):
        try:
            with within(SECONDS):
                door(chance, inside)
        except LgaError as error:
            assert error.cause and error.hint
            refused += 1
        except Exception as error:
            error.add_note(f"case {number} of {door.__name__}")
            raise
    assert refused or door is model_folder or door is run_key
    assert {path: path.read_bytes() for path in (tmp_path / "outside").rglob("*") if path.is_file()} == outside
    assert not list(tmp_path.rglob("hit")) and {path.name for path in tmp_path.iterdir()} == {"inside", "outside"}


def test_cases_are_all_there():
    assert sum(DOORS.values()) == 100


def test_download_names_stay_names():
    for hostile in ("../../x", "/etc/passwd", "a\0b", "x" * 500, "..", "a\r\nb", "C:\\x"):
        made = file_name(hostile, ".json")
        assert not set(made) & set("/\\\0\r\n") and made.strip(".")


@pytest.mark.parametrize("kind", ["folder", "link", "file in it is a link", "not there"])
def test_models_outside_of_the_allowed_folders_are_refused_with_one_message(kind, tmp_path, tiny_folder, monkeypatch):
    allowed = tmp_path / "allowed"
    (allowed / "model").mkdir(parents=True)
    for file in tiny_folder.iterdir():
        (allowed / "model" / file.name).write_bytes(file.read_bytes())
    monkeypatch.setenv("LGA_MODEL_ROOTS", os.pathsep.join((str(tmp_path / "other"), str(allowed))))
    assert resolve(str(allowed / "model")).source == "path"
    named = {
        "folder": tiny_folder,
        "link": allowed / "link",
        "file in it is a link": allowed / "model",
        "not there": tiny_folder / "nothing",
    }[kind]
    (allowed / "link").symlink_to(tiny_folder)
    if kind == "file in it is a link":
        (allowed / "model" / "model.safetensors").unlink()
        (allowed / "model" / "model.safetensors").symlink_to(tiny_folder / "model.safetensors")
    for read in (resolve, lambda place: read_edit_set(place, MODEL), lambda place: content_key(f"file:{place}")):
        with pytest.raises(LgaError, match="outside of the folders that LGA_MODEL_ROOTS allows"):
            read(str(named))
    monkeypatch.delenv("LGA_MODEL_ROOTS")
    assert kind == "not there" or resolve(str(named)).source == "path"
