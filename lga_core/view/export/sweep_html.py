"""A sweep and what its selectors are worth in one JSON file."""

import json
from collections.abc import Mapping

from lga_core.results import Stored, Sweep, Worth


def sweep_json(sweeps: Mapping[str, Sweep], worth: Worth | None, stored: Mapping[str, Stored]) -> str:
    """Everything in one object: each part's sweep, the verdicts, and the provenance; null for what is missing."""
    return json.dumps(
        {
            "sweeps": {part: json.loads(sweep.to_json()) for part, sweep in sweeps.items()},
            "worth": None if worth is None else json.loads(worth.to_json()),
            "provenance": {name: json.loads(item.provenance.to_json()) for name, item in stored.items()},
        },
        ensure_ascii=False,
    )
