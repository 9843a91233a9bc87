"""Records and a table, and how a folder with them is made."""

import json
from pathlib import Path
from typing import Any

RECORDS = [
    {
        "prompt": "The capital of France is",
        "subject": "France",
        "target_new": "Rome",
        "ground_truth": ["Paris"],
        "portability": {"Reasoning": [{"prompt": "France's river is", "ground_truth": [["Tiber", "Tevere"]]}]},
    },
    {
        "prompt": "The capital of Spain is",
        "subject": "Spain",
        "target_new": "Rome",
        "ground_truth": "Madrid",
        "portability": {"Subject_Aliasing": [{"prompt": "España's capital is", "ground_truth": "Rome"}]},
    },
]
TABLE = "question,entity,edit\nWho leads Rome?,Rome,Nero\nWho leads Oslo?,Oslo,Ibsen\n"


def folder(path: Path, **files: Any) -> Path:
    """A folder with files, named as `my__train_json` for my-train.json."""
    path.mkdir()
    for name, content in files.items():
        text = content if isinstance(content, str) else json.dumps(content)
        (path / name.replace("__", "-").replace("_", ".")).write_text(text, encoding="utf-8")
    return path
