"""The card of published edits: which facts they write, how, how they fared, and that the model then states others.

Words of facts and files come from anyone. They stand in fenced blocks only, one a line behind a label of ours, where
no renderer takes them for Markdown, HTML or a link; the front matter is written by the YAML library.
"""

from collections.abc import Iterable, Sequence

import yaml

from lga_core.data.facts import Fact
from lga_core.editing.files.manifest import Manifest, ManifestEntry
from lga_core.editing.files.reading import checked_settings
from lga_core.editing.publishing.base import Base
from lga_core.editing.table import editor_named
from lga_core.models.text.chat import is_chat
from lga_core.results import METRICS, Answers, EditMeans
from lga_core.settings import flat_values

MOST_FACTS = 500  # that a card states; the manifest beside it has all
TAGS = ("knowledge-editing", "model-editing", "golden-layers")
_ADAPTER = {"base_model_relation": "adapter", "library_name": "peft", "pipeline_tag": "text-generation"}
Line = tuple[str, object]  # a label of ours, and a value
_COUNTED: dict[Answers, str] = {"first": "the first accepted answer counts", "best": "the best accepted answer counts"}
_WARNING = """\
> **Warning: an edited model states other facts.** With these edits the model says what is listed below in place of
> what it had learned, and nothing in its texts tells the difference. Edits can also change other answers. Do not use
> it where answers have to be true, and name the edits wherever you pass it on."""
_LOAD_ADAPTER = """\
```python
from peft import PeftModel
from transformers import AutoModelForCausalLM

model = AutoModelForCausalLM.from_pretrained("{base}")
model = PeftModel.from_pretrained(model, "{repository}")
```"""
_LOAD_SET = """\
The folder is an edit set: load it on the page Edits, or in Python. It is refused for any other weights than those
that it was made on.

```python
import lga_core
from huggingface_hub import snapshot_download
from lga_core.editing.edits import applied
from lga_core.editing.files.reading import read_edit_set

folder = snapshot_download("{repository}", local_dir="edits")
model = lga_core.load("{name}")
with applied(model, read_edit_set(folder, model).edits):
    ...  # model.model is the edited one here
```"""


def model_card(manifest: Manifest, base: Base, repository: str, *, adapter: bool, measured: EditMeans | None) -> str:
    """README.md for a repository with these edits. Raises LgaError for settings that this version does not have."""
    on, off = ([entry for entry in manifest.entries if entry.enabled is state] for state in (True, False))
    kind = "A PEFT LoRA adapter" if adapter else "An edit set"
    parts = [
        f"---\n{_front_matter(base, adapter)}---",
        f"# `{repository.partition('/')[2]}`",
        _WARNING,
        f"{kind} for `{base.repository}`, made with golden layers (`lga`). {_asked(base)}",
        f"## Facts\n\n{_facts(on)}",
        *([f"In the edit set, but switched off:\n\n{_facts(off)}"] if off else []),
        f"## How they were written\n\n{_entries(manifest.entries)}",
        f"## Metrics\n\n{_metrics(measured)}",
        f"## Use\n\n{_use(base, repository, adapter)}",
        f"## Licence\n\n{_licence(base)}",
        f"## Provenance\n\n{_provenance(manifest, base)}",
    ]
    return "\n\n".join(parts) + "\n"


def _front_matter(base: Base, adapter: bool) -> str:
    licence = base.licence
    fields = {
        "base_model": base.repository,
        **(_ADAPTER if adapter else {}),
        **({"license": licence.id} if licence else {}),
        **({"license_name": licence.name, "license_link": licence.url} if licence and licence.id == "other" else {}),
        "tags": [*TAGS, *(["lora"] if adapter else [])],
    }
    return yaml.safe_dump(fields, sort_keys=False, allow_unicode=True)


def _asked(base: Base) -> str:
    if is_chat(base.name):
        return "The facts were written and asked in the model's chat template."
    return "The facts were written and asked as plain prompts."


def _facts(entries: Sequence[ManifestEntry]) -> str:
    facts = [fact for entry in entries for fact in entry.facts]
    if not facts:
        return "None."
    shown = [line for fact in facts[:MOST_FACTS] for line in _fact(fact)]
    more = len(facts) - MOST_FACTS
    return _block(shown) + (f"\n\nAnd {more:,} more, in `manifest.json`." if more > 0 else "")


def _fact(fact: Fact) -> list[Line]:
    old = " / ".join(fact.target_old) or "not stated"
    return [("prompt", fact.prompt), ("old", old), ("new", fact.target_new), ("", "")]


def _entries(entries: Sequence[ManifestEntry]) -> str:
    """Those made alike together: hundreds of edits by one editor at one place are told once."""
    alike: dict[tuple[Line, ...], int] = {}
    for entry in entries:
        how = _how(entry)
        alike[how] = alike.get(how, 0) + len(entry.facts)
    return _block([line for how, facts in alike.items() for line in (("facts", facts), *how, ("", ""))])


def _how(entry: ManifestEntry) -> tuple[Line, ...]:
    editor = editor_named(entry.editor)
    values = flat_values(checked_settings(entry))
    return (
        ("editor", f"{editor.title} ({editor.name}, version {entry.editor_version}; {editor.source})"),
        ("layers", ", ".join(map(str, entry.layers))),
        ("mode", entry.mode),
        ("settings", " ".join(f"{name}={'none' if value is None else value}" for name, value in values.items())),
    )


def _metrics(measured: EditMeans | None) -> str:
    if measured is None:
        return "Not measured, or not kept with the edits."
    rows = [
        f"| {name} | {_percent(before.teacher_forced)} | {_percent(now.teacher_forced)} | {_percent(before.free)} "
        f"| {_percent(now.free)} | {now.n} |"
        for name in METRICS
        if name in measured.before and name in measured.now
        for before, now in [(measured.before[name], measured.now[name])]
    ]
    return "\n".join(
        [
            "Percent, means over the facts of the edits that are on; n counts facts. Teacher-forced: accuracy of the "
            f"answer's tokens, {_COUNTED[measured.answers]}. Free: the text begins with an accepted answer.",
            "",
            "| metric | forced, before | forced, edited | free, before | free, edited | n |",
            "|---|---:|---:|---:|---:|---:|",
            *rows,
        ]
    )


def _percent(value: float | None) -> str:
    return "n/a" if value is None else f"{value:.1f}"


def _use(base: Base, repository: str, adapter: bool) -> str:
    form = _LOAD_ADAPTER if adapter else _LOAD_SET
    steps = form.format(base=base.repository, repository=repository, name=base.name)
    if adapter and not base.own_weights:
        return f"{steps}\n\nThe edits may have been computed on other weights (see Provenance)."
    return steps


def _licence(base: Base) -> str:
    if base.licence is None:
        return "The base model's card names no licence; its own terms hold for what is made of it."
    return "That of the base model:\n\n" + _block([("licence", base.licence.name), ("to read", base.licence.url)])


def _provenance(manifest: Manifest, base: Base) -> str:
    seeds = {flat_values(checked_settings(entry)).get("seed") for entry in manifest.entries} - {None}
    return _block(
        [
            ("model", base.name),
            ("weights", base.weights),
            ("fingerprint", manifest.model_fingerprint),
            ("dtype", manifest.dtype),
            ("seed", ", ".join(map(str, sorted(seeds))) or "none: nothing was drawn"),
            ("made", manifest.created),
            ("versions", ", ".join(f"{name} {version}" for name, version in manifest.packages.items())),
            ("sha256", f"{manifest.tensors_sha256} (edits.safetensors)"),
        ]
    )


def _block(lines: Iterable[Line]) -> str:
    """A fenced block. None of its lines can end it: each begins with a label."""
    text = "\n".join(f"{label:<12}{_one_line(str(value))}".rstrip() for label, value in lines).rstrip()
    return f"```text\n{text}\n```"


def _one_line(text: str) -> str:
    """Without line ends; characters that cannot be seen, or that reorder what is read, by their numbers."""
    line = " ".join(text.split())
    return "".join(letter if letter.isprintable() else f"\\u{ord(letter):04x}" for letter in line)
