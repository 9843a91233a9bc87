"""Where facts come from: files, uploads, the shipped sets and the form; and how a set is written again."""

import json
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lga_core.data.checks import checked, is_no_op, quoted
from lga_core.data.drafts import Draft, Notes, Unusable, sentence, text
from lga_core.data.facts import Fact, FactSet, Probe, Problem
from lga_core.data.parsing import SUFFIXES, parse_records
from lga_core.data.readers import read_record
from lga_core.errors import LgaError

MAX_UPLOAD_BYTES = 20_000_000
MAX_UPLOAD_RECORDS = 20_000
SHIPPED = Path(__file__).resolve().parents[2] / "assets" / "facts"


def shipped_sets() -> tuple[str, ...]:
    """Names of the fact sets that come with the project."""
    return tuple(sorted(path.stem for path in SHIPPED.glob("*.json")))


def load_facts(source: str | Path) -> FactSet:
    """Facts from a shipped set's name or a .json, .jsonl or .csv file of any known format, in file order.

    Raises LgaError where there is nothing to read; what is wrong with single records is in `problems`.
    """
    if str(source) in shipped_sets():
        return _fact_set(str(source), (SHIPPED / f"{source}.json").read_bytes(), ".json")
    path = Path(source).expanduser()
    try:
        data = path.read_bytes()
    except OSError as error:
        reason = "is a folder" if path.is_dir() else (error.strerror or "cannot be read").lower()
        raise LgaError(
            f"The fact set {source} cannot be read: {reason}.",
            mend=f"Name a file that ends in {', '.join(SUFFIXES)}, or a shipped set: {', '.join(shipped_sets())}.",
        ) from error
    return _fact_set(path.name, data, path.suffix)


def read_facts(name: str, data: bytes, suffix: str) -> FactSet:
    """Facts from an uploaded file's bytes. Raises LgaError beyond the upload's caps or for a broken file."""
    if len(data) > MAX_UPLOAD_BYTES:
        raise LgaError(
            f"{name} has {len(data) / 1e6:.1f} MB; an upload may have {MAX_UPLOAD_BYTES / 1e6:.0f} MB.",
            mend="Upload a part of it, or put the file beside the app and name its path.",
        )
    return _fact_set(name, data, suffix, most=MAX_UPLOAD_RECORDS)


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
        raise LgaError(sentence(unusable), mend="Change it in the form.") from unusable
    dropped = next((problem for problem in notes.problems if problem.action != "kept"), None)
    if dropped:
        raise LgaError(dropped.problem, mend="Change the probe or leave it out.")
    if fact.target_new is None:
        raise LgaError("The new answer is empty.", mend="Write what the model should say after the edit.")
    if is_no_op(fact.target_new, fact.target_old):
        raise LgaError(f"The new answer {quoted(fact.target_new)} is the old one.", mend="Write another new answer.")
    return fact


def choose(facts: Sequence[Fact], limit: int | None = None, shuffle_seed: int | None = None) -> tuple[Fact, ...]:
    """The first `limit` facts, in file order or shuffled by a seed first. Record numbers stay those of the file."""
    if limit is not None and limit < 1:
        raise LgaError(f"{limit} facts were asked for.", mend="Ask for at least 1.")
    chosen = list(facts)
    if shuffle_seed is not None:
        random.Random(shuffle_seed).shuffle(chosen)
    return tuple(chosen[:limit])


def write_facts(facts: Sequence[Fact]) -> str:
    """The facts in the project's own JSON schema, one record a line; read again they are the same, numbered from 0."""
    records = (json.dumps(_record(fact), ensure_ascii=False) for fact in facts)
    return "[\n" + ",\n".join(records) + "\n]\n"


def _fact_set(name: str, data: bytes, suffix: str, most: int | None = None) -> FactSet:
    records = parse_records(name, data, suffix)
    if most is not None and len(records) > most:
        raise LgaError(f"{name} has {len(records):,} records; an upload may have {most:,}.",
                       mend="Upload a part of it, or put the file beside the app and name its path.")
    facts: list[Fact] = []
    problems: list[Problem] = []
    first: dict[str, int] = {}  # prompt -> record that had it first
    for record, content in enumerate(records):
        notes = Notes(record)
        try:
            fact = checked(read_record(content, notes), notes)
        except Unusable as unusable:
            problems.append(Problem(record=record, problem=sentence(unusable), action="record skipped"))
            continue
        if first.setdefault(fact.prompt, record) != record:
            notes.add(f"The prompt {quoted(fact.prompt)} stands in record {first[fact.prompt]} already.")
        facts.append(fact)
        problems.extend(notes.problems)
    return FactSet(name=name, facts=tuple(facts), n_records=len(records), problems=tuple(problems))


def _form_probes(rows: Sequence[tuple[str, str]], group: str, notes: Notes) -> tuple[Probe, ...]:
    texts = [(text(prompt, "a probe", notes), text(answer, "a probe's answer", notes)) for prompt, answer in rows]
    return tuple(
        Probe(prompt=prompt, answers=((answer,),) if answer else (), group=group) for prompt, answer in texts if prompt
    )


def _record(fact: Fact) -> dict[str, Any]:
    record = {
        "prompt": fact.prompt,
        "subject": fact.subject,
        "target_new": fact.target_new,
        "ground_truth": list(fact.target_old),
        "relation": fact.relation,
        "rephrase_prompt": list(fact.rephrases),
        "locality": _groups(fact.locality),
        "portability": _groups(fact.portability),
    }
    return {key: value for key, value in record.items() if value}


def _groups(probes: Sequence[Probe]) -> dict[str, list[dict[str, Any]]]:
    groups: dict[str, list[dict[str, Any]]] = {}
    for probe in probes:
        answers = [list(answer) for answer in probe.answers] or [[]]
        groups.setdefault(probe.group, []).append({"prompt": probe.prompt, "ground_truth": answers})
    return groups
