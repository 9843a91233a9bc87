"""Where the files beside the code are: fact sets, catalogue, recorded study, and the dashboard's own scripts.

In a checkout they stand at the top level; an installed package carries them in `lga_core/dashboard`.
"""

from pathlib import Path

IMPORT_ROOT = Path(__file__).resolve().parents[1]  # what `import lga_core` is found in
_INSTALLED = Path(__file__).resolve().parent / "dashboard"
DASHBOARD = _INSTALLED if _INSTALLED.is_dir() else IMPORT_ROOT
ASSETS = DASHBOARD / "assets"
