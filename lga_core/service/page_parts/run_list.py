"""Stored runs in the rows and words of a list: what each is of, how far it is, what it took; and all of one run."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from lga_core.data.facts import fact_label
from lga_core.results import Provenance
from lga_core.runs.storage.index import RunHeader
from lga_core.runs.storage.store import Store
from lga_core.service.page_parts.models import title_or_name
from lga_core.service.reading.comparing import settings_of
from lga_core.service.reading.run_groups import RunGroup
from lga_core.view.words.runs import chat_words
from lga_core.view.words.sentences import duration
from lga_core.view.words.text import count, shorten

NOT_RECORDED = "not recorded"


def matching_runs(headers: Sequence[RunHeader], search: str, facts: Mapping[str, str]) -> list[RunHeader]:
    """Those that have every word of the search in what is told about them. `facts`: as `facts_in_words`."""
    words = search.lower().split()
    return [header for header in headers if header.holds(words, shown=f"{model_title(header)} {facts[header.key]}")]


def list_sentence(items: Sequence[RunHeader | RunGroup], opened: RunGroup | None) -> str:
    """How many runs there are and what a click does; `opened`: the one of the groups whose runs alone are listed."""
    runs = sum(len(item.headers) if isinstance(item, RunGroup) else 1 for item in items)
    if opened is not None:
        return f"{item_title(opened)}: {count(len(opened.headers), 'run')} of {runs}, each a trace of one fact."
    said = f"{count(runs, 'run')}, the last one first. Choose one to open it, two to compare them."
    if any(isinstance(item, RunGroup) for item in items):
        said += " Causal traces of one model, set and settings stand in one row: choose it to see each of them."
    return said


def list_rows(items: Sequence[RunHeader | RunGroup], facts: Mapping[str, str]) -> list[dict[str, object]]:
    """One row a run or group; a column for names where one has a name. `facts`: as `facts_in_words`."""
    rows = [_row(item, facts) for item in items]
    if any(row["name"] for row in rows):
        return rows
    return [{column: value for column, value in row.items() if column != "name"} for row in rows]


def _row(item: RunHeader | RunGroup, facts: Mapping[str, str]) -> dict[str, object]:
    headers = item.headers if isinstance(item, RunGroup) else (item,)
    header = headers[0]
    complete = sum(each.complete for each in headers)
    settings = ", ".join(f"{name} {shorten(str(value), 24)}" for name, value in settings_of(header).items())
    return {
        "name": header.title or "",
        "what": item_title(item),
        "model": model_title(header),
        "facts": facts[header.key] if len(headers) == 1 or header.provenance is None else header.provenance.facts,
        "state": how_far(header) if complete == len(headers) or len(headers) == 1 else f"{complete} complete",
        "took": took(*headers),
        "last written": when(max(headers, key=lambda each: each.changed)),
        "kB": round(sum(each.bytes for each in headers) / 1000, 1),
        "settings": shorten(settings, 200),
        "key": header.key[:8] if len(headers) == 1 else count(len(headers), "run"),
    }


def item_title(item: RunHeader | RunGroup) -> str:
    """What a run or a group of runs is of."""
    return f"{item.headers[0].what}, {count(len(item.headers), 'fact')}" if isinstance(item, RunGroup) else item.what


def run_line(header: RunHeader, facts: str) -> str:
    """A run in one line. `facts`: what it is about, in words."""
    if header.provenance is None:
        return f"{header.short}, cannot be read"
    title = f"{shorten(header.title, 40)} · " if header.title else ""
    return f"{title}{header.what} · {model_title(header)} · {shorten(facts, 60)} · {when(header)} · {header.key[:8]}"


def facts_in_words(headers: Sequence[RunHeader], store: Store) -> dict[str, str]:
    """What each run is about, by its key: its set, and its fact where it has one alone.

    The runs of a set's traces would look alike without their facts. "" for a run that cannot be read.
    """
    asked = {header.key: header.provenance for header in headers if header.provenance is not None}
    alone = store.facts.single({item.facts_fingerprint for item in asked.values()})
    words = dict.fromkeys((header.key for header in headers), "")
    for key, item in asked.items():
        fact = alone.get(item.facts_fingerprint)
        words[key] = item.facts if fact is None else f"{item.facts} · {fact_label(fact)}"
    return words


def model_title(header: RunHeader) -> str:
    """The title of the model that was asked; the name as it was given where there is no such model any more."""
    return title_or_name(header.model or "")


def when(header: RunHeader) -> str:
    """When something was added last, in the server's time."""
    return f"{datetime.fromtimestamp(header.changed):%Y-%m-%d %H:%M}"


def took(*headers: RunHeader) -> str:
    """How long their rows took to compute, of those that recorded it."""
    recorded = [header.notes.seconds for header in headers if header.notes is not None]
    seconds = [item for item in recorded if item is not None]
    return duration(sum(seconds)) if seconds else NOT_RECORDED


def how_far(header: RunHeader) -> str:
    """ "complete", or how many rows there are of a run that has more to come."""
    rows = header.notes.rows if header.notes is not None else None
    return header.state if rows is None or header.complete else f"{header.state}, {count(rows, 'row')}"


def recorded_rows(header: RunHeader, asked: Provenance) -> list[dict[str, str]]:
    """Everything that is recorded of one run, one line each."""
    notes = header.notes
    questions = [
        item.command or "the dashboard: " + ", ".join(f"{name} {value}" for name, value in item.question.items())
        for item in (notes.origins if notes is not None else ())
    ]
    recorded = {
        "key": header.key,
        "asked by": "; ".join(questions) or NOT_RECORDED,
        "begun": asked.created,
        "model": asked.model,
        "model files": asked.model_fingerprint,
        "prompts": chat_words(asked.chat),
        "facts": f"{asked.facts} ({asked.facts_fingerprint[:12]})",
        "method": f"{asked.method}, version {asked.method_version} of its numbers",
        **{f"setting: {name}": value for name, value in settings_of(header).items()},
        "machine": asked.machine,
        "packages": ", ".join(f"{name} {version}" for name, version in asked.packages.items()),
    }
    return [{"what": name, "recorded": value} for name, value in recorded.items()]
