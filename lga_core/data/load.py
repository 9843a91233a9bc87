"""Where facts come from: files, uploads, data sets, the shipped sets and the form; how a set is written again."""

import json
import os
import random
import stat
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lga_core.data.checking.checks import checked, is_no_op
from lga_core.data.checking.drafts import MAX_NOTES, Draft, Notes, Unusable, quoted, sentence, text
from lga_core.data.facts import Fact, FactSet, Probe, Problem
from lga_core.data.readers import read_record
from lga_core.data.sources import hub
from lga_core.data.sources.dataset_id import SYNTAX, parse_dataset_id
from lga_core.data.sources.mapping import ColumnMapping, columns, inner_columns
from lga_core.data.sources.parsing import SUFFIXES, check_readable, parse_records
from lga_core.errors import LgaError
from lga_core.paths import shown_name
from lga_core.resources import ASSETS

MAX_UPLOAD_BYTES = 20_000_000
MAX_UPLOAD_RECORDS = 20_000
MAX_COLUMNS = 1_000  # of a table: forms offer them all
MAX_PROBLEMS = 100_000  # of a set that are listed; beyond them one of each record
SHIPPED = ASSETS / "facts"


@dataclass(frozen=True, kw_only=True)
class Table:
    """A source's records as they were written, before anything is read from them as a fact."""

    name: str
    records: Sequence[Any]
    numbers: Sequence[int] | None = None  # the records' own numbers; None: from 0, in order

    def __post_init__(self) -> None:
        """Raises LgaError for what is no table: records that have ever other keys."""
        if (number := len(columns(self.records))) > MAX_COLUMNS:
            raise LgaError(
                f"{self.name} has {number:,} columns; the limit is {MAX_COLUMNS:,}.",
                hint="Leave out the columns that hold no part of a fact.",
            )

    @property
    def columns(self) -> tuple[str, ...]:
        """What a form can offer as a column: every key, and with dots those inside objects."""
        return (*columns(self.records), *inner_columns(self.records))

    def facts(self, mapping: ColumnMapping | None = None) -> FactSet:
        """The facts, with what is wrong with each record. Raises LgaError for a mapping that does not fit."""
        records = self.records if mapping is None else mapping.apply(self.records)
        facts: list[Fact] = []
        problems: list[Problem] = []
        first: dict[str, int] = {}  # prompt -> record that had it first
        for record, content in zip(self.numbers or range(len(records)), records, strict=True):
            notes = Notes(record, MAX_NOTES if len(problems) < MAX_PROBLEMS else 1)
            try:
                fact = checked(read_record(content, notes), notes)
            except Unusable as unusable:
                problems.append(Problem(record=record, problem=sentence(unusable), action="record skipped"))
                continue
            if first.setdefault(fact.prompt, record) != record:
                notes.add(repeated(fact, first[fact.prompt]))
            facts.append(fact)
            problems.extend(notes.problems)
        return FactSet(name=self.name, facts=tuple(facts), n_records=len(records), problems=tuple(problems))


def shipped_sets() -> tuple[str, ...]:
    """Names of the fact sets that come with the project."""
    return tuple(sorted(path.stem for path in SHIPPED.glob("*.json")))


def shipped_licence(name: str) -> str | None:
    """The licence of a shipped set, as the README beside the sets has it; None for another name."""
    table = (SHIPPED / "README.md").read_text(encoding="utf-8") if name in shipped_sets() else ""
    rows = ([cell.strip() for cell in line.split("|")[1:-1]] for line in table.splitlines() if line.startswith("|"))
    return next((cells[-1] for cells in rows if cells[0] == name), None)


def load_facts(source: str | Path) -> FactSet:
    """Facts from a shipped set's name, a file of any known format, a folder or a data set of the hub, in its order.

    The last two go through `datasets`; `sources.dataset_id` says how they are named. Every probe is kept.
    Raises LgaError where there is nothing to read; what is wrong with single records is in `problems`.
    """
    return read_table(source).facts()


def read_table(source: str | Path) -> Table:
    """The records of whatever `load_facts` can load. Raises LgaError where there is nothing to read."""
    if str(source) in shipped_sets():
        return Table(name=str(source), records=_file_records(SHIPPED / f"{source}.json", source))
    if (dataset := parse_dataset_id(str(source))) is not None:
        return Table(name=dataset.name, records=hub.read_rows(dataset))
    path = Path(os.path.expanduser(source))
    return Table(name=shown_name(path.name), records=_file_records(path, source))


def upload_table(name: str, data: bytes, suffix: str) -> Table:
    """An upload's records. Raises LgaError beyond the upload's caps or for a broken file."""
    hint = "Upload a part of it, or put the file beside the app and name its path."
    if len(data) > MAX_UPLOAD_BYTES:
        raise LgaError(
            f"{name} has {len(data) / 1e6:.1f} MB; an upload may have {MAX_UPLOAD_BYTES / 1e6:.0f} MB.", hint=hint
        )
    records = parse_records(name, data, suffix)
    if len(records) > MAX_UPLOAD_RECORDS:
        raise LgaError(f"{name} has {len(records):,} records; an upload may have {MAX_UPLOAD_RECORDS:,}.", hint=hint)
    return Table(name=name, records=records)


def fact_from_form(
    *,
    prompt: str,
    subject: str,
    target_new: str,
    target_old: str = "",
    rephrases: Sequence[str] = (),
    locality: Sequence[tuple[str, str]] = (),
    portability: Sequence[tuple[str, str]] = (),
) -> Fact:
    """One fact typed in by hand; probes are (prompt, answer), blank ones are ignored.

    Raises LgaError for whatever would skip the record, drop a probe or make the edit change nothing.
    """
    notes = Notes(0)
    try:
        fact = checked(
            Draft(
                prompt=text(prompt, "prompt", notes),
                subject=text(subject, "subject", notes),
                target_new=text(target_new, "target_new", notes),
                target_old=tuple(filter(None, [text(target_old, "target_old", notes)])),
                rephrases=tuple(filter(None, (text(rephrase, "a rephrase", notes) for rephrase in rephrases))),
                locality=_form_probes(locality, "Relation_Specificity", notes),
                portability=_form_probes(portability, "Reasoning", notes),
            ),
            notes,
        )
    except Unusable as unusable:
        raise LgaError(sentence(unusable), hint="Change it in the form.") from unusable
    dropped = next((problem for problem in notes.problems if problem.action != "kept"), None)
    if dropped:
        raise LgaError(dropped.problem, hint="Change the probe or leave it out.")
    if fact.target_new is None:
        raise LgaError("The new answer is empty.", hint="Write what the model should say after the edit.")
    if is_no_op(fact.target_new, fact.target_old):
        raise LgaError(f"The new answer {quoted(fact.target_new)} is the old one.", hint="Write another new answer.")
    return fact


def choose(facts: Sequence[Fact], limit: int | None = None, shuffle_seed: int | None = None) -> tuple[Fact, ...]:
    """The first `limit` facts, in file order or shuffled by a seed first. Record numbers stay those of the file."""
    if limit is not None and limit < 1:
        raise LgaError(f"{limit} facts were asked for.", hint="Ask for at least 1.")
    chosen = list(facts)
    if shuffle_seed is not None:
        random.Random(shuffle_seed).shuffle(chosen)
    return tuple(chosen[:limit])


def write_facts(facts: Sequence[Fact]) -> str:
    """The facts in the project's own JSON schema, one record a line; read again they are the same, numbered from 0."""
    records = (json.dumps(record_of(fact), ensure_ascii=False) for fact in facts)
    return "[\n" + ",\n".join(records) + "\n]\n"


def record_of(fact: Fact) -> dict[str, Any]:
    """The fact as a record of the project's own schema, which is KnowEdit's with a relation."""
    record = {
        "prompt": fact.prompt,
        "subject": fact.subject,
        "target_new": fact.target_new,
        "ground_truth": list(fact.target_old),
        "relation": fact.relation,
        "rephrase_prompt": list(fact.rephrases),
        "locality": probe_groups(fact.locality),
        "portability": probe_groups(fact.portability),
    }
    return {key: value for key, value in record.items() if value or key == "target_new"}  # which shows the format


def probe_groups(probes: Sequence[Probe]) -> dict[str, list[dict[str, Any]]]:
    """KnowEdit's {group: [{prompt, ground_truth}]}."""
    groups: dict[str, list[dict[str, Any]]] = {}
    for probe in probes:
        answers = [list(answer) for answer in probe.answers] or [[]]
        groups.setdefault(probe.group, []).append({"prompt": probe.prompt, "ground_truth": answers})
    return groups


def repeated(fact: Fact, record: int) -> str:
    """The problem of a fact whose prompt an earlier record has."""
    return f"The prompt {quoted(fact.prompt)} stands in record {record} already."


def _file_records(path: Path, source: str | Path) -> list[Any]:
    try:
        state = path.stat()
        if not stat.S_ISREG(state.st_mode):  # a device or a pipe may have no end
            raise OSError(None, "it is no plain file")
        check_readable(shown_name(path.name), path.suffix, state.st_size)
        data = path.read_bytes()
    except (OSError, ValueError) as error:  # a ValueError for a name with a null character
        reason = (getattr(error, "strerror", None) or "this is no path").lower()
        raise LgaError(
            f"The fact set {source} cannot be read: {reason}.",
            hint=f"Name a file that ends in {', '.join(SUFFIXES)}, a folder with such files, {SYNTAX}, "
            f"or a shipped set: {', '.join(shipped_sets())}.",
        ) from error
    return parse_records(shown_name(path.name), data, path.suffix)


def _form_probes(rows: Sequence[tuple[str, str]], group: str, notes: Notes) -> tuple[Probe, ...]:
    texts = [(text(prompt, "a probe", notes), text(answer, "a probe's answer", notes)) for prompt, answer in rows]
    return tuple(
        Probe(prompt=prompt, answers=((answer,),) if answer else (), group=group) for prompt, answer in texts if prompt
    )
