"""The ledger of edits: which were made, in which order, which of them act now. Immutable: a change is a new ledger.

Undo is exact: a model with no entry enabled has no hook at all, and its weights were never written.
"""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from uuid import uuid4

from lga_core.data.facts import Fact
from lga_core.editing.editors.editor import Written
from lga_core.editing.edits import Edit
from lga_core.editing.table import Mode, editor_named, groups
from lga_core.errors import LgaError
from lga_core.models.loaded import LoadedModel
from lga_core.progress import Phase, Progress, Reporter, silent
from lga_core.settings import Settings


@dataclass(frozen=True, kw_only=True, eq=False)
class Entry:
    """One computation of an editor: the facts of a batch, or one fact of a sequence."""

    id: str  # of this computation: a recomputed entry gets another one
    facts: tuple[Fact, ...]
    editor: str
    version: int  # of the editor's numbers
    layers: tuple[int, ...]
    settings: Settings
    mode: Mode
    written: tuple[Written, ...]  # one a layer
    on: str  # `Ledger.state` of those before it when it was computed
    enabled: bool = True

    @property
    def edits(self) -> tuple[Edit, ...]:
        return tuple(item.edit for item in self.written)


@dataclass(frozen=True, kw_only=True, eq=False)
class Ledger:
    """Entries in the order in which they act. Methods raise LgaError for an id that is not there."""

    entries: tuple[Entry, ...] = ()

    @property
    def enabled(self) -> tuple[Entry, ...]:
        return tuple(entry for entry in self.entries if entry.enabled)

    @property
    def edits(self) -> tuple[Edit, ...]:
        """What acts now, in order: hand it to `applied`."""
        return tuple(edit for entry in self.enabled for edit in entry.edits)

    @property
    def state(self) -> str:
        """`hash_of` the entries that are enabled."""
        return hash_of(entry.id for entry in self.enabled)

    @property
    def facts(self) -> tuple[Fact, ...]:
        """The facts of all entries, in order; a fact that was edited twice stands here twice."""
        return tuple(fact for entry in self.entries for fact in entry.facts)

    @property
    def enabled_facts(self) -> tuple[Fact, ...]:
        """The facts of what acts now, in order."""
        return tuple(fact for entry in self.enabled for fact in entry.facts)

    def entry(self, id: str) -> Entry:
        return self.entries[self._place(id)]

    def added(self, *entries: Entry) -> "Ledger":
        """With entries at the end."""
        return Ledger(entries=(*self.entries, *entries))

    def removed(self, *ids: str) -> "Ledger":
        places = {self._place(id) for id in ids}
        return Ledger(entries=tuple(entry for place, entry in enumerate(self.entries) if place not in places))

    def moved(self, id: str, place: int) -> "Ledger":
        """With one entry at another 0-based place among all entries; a place beyond an end means that end."""
        entry, others = self.entry(id), self.removed(id).entries
        place = min(max(place, 0), len(others))
        return Ledger(entries=(*others[:place], entry, *others[place:]))

    def toggled(self, id: str) -> "Ledger":
        """With one entry switched off, or on again."""
        return self._with(id, replace(self.entry(id), enabled=not self.entry(id).enabled))

    @property
    def stale(self) -> frozenset[str]:
        """The ids of entries for which the enabled ones before them are no longer those that they were computed on."""
        before = hashlib.sha256()
        found = []
        for entry in self.entries:
            if entry.on != before.hexdigest():
                found.append(entry.id)
            if entry.enabled:
                before.update(entry.id.encode())
        return frozenset(found)

    def _with(self, id: str, entry: Entry) -> "Ledger":
        place = self._place(id)
        return Ledger(entries=(*self.entries[:place], entry, *self.entries[place + 1 :]))

    def _place(self, id: str) -> int:
        place = next((place for place, entry in enumerate(self.entries) if entry.id == id), None)
        if place is None:
            raise LgaError("That edit is no longer in the ledger.", hint="Choose one of those that are.")
        return place


def extend(
    model: LoadedModel,
    ledger: Ledger,
    facts: Sequence[Fact],
    editor: str,
    layers: Sequence[int],
    settings: Settings | None,
    mode: Mode,
    *,
    report: Reporter = silent,
) -> Ledger:
    """The ledger with these facts written at its end; the last that `extensions` gives."""
    return list(extensions(model, ledger, facts, editor, layers, settings, mode, report=report))[-1]


def extensions(
    model: LoadedModel,
    ledger: Ledger,
    facts: Sequence[Fact],
    editor: str,
    layers: Sequence[int],
    settings: Settings | None,
    mode: Mode,
    *,
    report: Reporter = silent,
) -> Iterator[Ledger]:
    """Write these facts at the ledger's end: the ledger after each entry. `settings` None: the editor's defaults.

    Sequential: one entry a fact, each computed on the model with all earlier enabled ones. Batch: one entry, one
    solve. Raises LgaError for facts and layers that the editor does not take, before anything is computed.
    """
    chosen = editor_named(editor)
    parts = groups(facts, mode)
    for part in parts:
        chosen.check(model, part, layers)
    for number, part in enumerate(parts):
        entry = Entry(
            id=uuid4().hex,
            facts=part,
            editor=editor,
            version=chosen.version,
            layers=tuple(sorted(layers)),
            settings=settings or chosen.settings(),
            mode=mode,
            written=(),
            on=ledger.state,
        )
        ledger = ledger.added(_computed(model, entry, ledger.edits, _numbered(report, number, len(parts))))
        yield ledger


def recompute(model: LoadedModel, ledger: Ledger, *, report: Reporter = silent) -> Iterator[Ledger]:
    """Recompute every enabled entry that is stale, in order: the ledger after each of them.

    What stands on a recomputed entry becomes stale with it. Entries that are switched off act on nothing and stay as
    they are, stale or not.
    """
    count = _stale_at_last(ledger)
    done = 0
    for place in range(len(ledger.entries)):
        entry = ledger.entries[place]
        before = Ledger(entries=ledger.entries[:place])
        if entry.enabled and entry.on != before.state:
            fresh = replace(entry, id=uuid4().hex, on=before.state, version=editor_named(entry.editor).version)
            fresh = _computed(model, fresh, before.edits, _numbered(report, done, count))
            ledger = ledger._with(entry.id, fresh)
            done += 1
            yield ledger


def _computed(model: LoadedModel, entry: Entry, base: Sequence[Edit], report: Reporter) -> Entry:
    run = editor_named(entry.editor).run
    return replace(entry, written=run(model, entry.facts, entry.layers, entry.settings, base, report=report))


def _numbered(report: Reporter, number: int, count: int) -> Reporter:
    """The reporter of one of several entries: it counts finished entries and names the step in its detail."""
    if count == 1:
        return report
    return lambda step: report(
        Progress(
            phase=Phase.EDIT,
            done=number,
            total=count,
            detail=", ".join(filter(None, [f"edit {number + 1} of {count}", step.detail])),
        )
    )


def _stale_at_last(ledger: Ledger) -> int:
    """How many entries a recomputation computes: all enabled ones from the first stale one on."""
    enabled = ledger.enabled
    stale = ledger.stale
    first = next((place for place, entry in enumerate(enabled) if entry.id in stale), len(enabled))
    return len(enabled) - first


def hash_of(ids: Iterable[str]) -> str:
    """One name for these entries in this order: a list of ids in each entry would grow with the ledger's square."""
    return hashlib.sha256("".join(ids).encode()).hexdigest()
