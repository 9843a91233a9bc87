"""The doors for facts: an uploaded file, the form, a source named by the user."""

import csv
import io
import json
import random
from pathlib import Path

from attack.hostile import document, name, value, word
from attack.inert import cells_are_inert, labels_are_inert
from uploading import read_facts

from lga_core.data.load import fact_from_form, load_facts, write_facts
from pages._ui.shell.text import fact_line


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


def fact_source(chance: random.Random, folder: Path) -> None:
    load_facts(name(chance))
