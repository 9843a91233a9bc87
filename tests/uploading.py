"""A fact set as the dashboard reads it from an uploaded file."""

from lga_core.data.facts import FactSet
from lga_core.data.load import upload_table
from lga_core.data.sources.mapping import ColumnMapping


def read_facts(name: str, data: bytes, suffix: str, *, mapping: ColumnMapping | None = None) -> FactSet:
    return upload_table(name, data, suffix).facts(mapping)
