"""The direction of imports, what needs no torch and no Streamlit, what the tables name, and one name a class."""

import ast
import subprocess
import sys
from functools import cache
from graphlib import CycleError, TopologicalSorter
from itertools import groupby
from pathlib import Path

import pytest

from lga_core.editing.table import EDITORS
from lga_core.scores.methods import MEASUREMENTS

ROOT = Path(__file__).parent.parent
CORE, PAGES = ROOT / "lga_core", ROOT / "pages"
# Each part may import those before it. What stands together in a row may not import each other.
ORDER = (
    ("errors", "resources", "progress", "showing"),
    ("settings", "paths"),
    ("results",),
    ("data",),
    ("probes",),
    ("models",),
    ("editing",),
    ("scores",),
    ("evaluation",),
    ("worth",),
    ("runs",),
    ("service",),
    ("bench",),
    ("cli",),
)
KNOWN_TO_VIEW = ("errors", "progress", "results")  # all that figures and words know
USERS_OF_VIEW = ("service", "bench", "cli")
FREE = ("__init__", "__main__")  # they join everything
HEAVY = ("torch", "transformers", "captum")
# What the server's process imports: it never has torch. A folder stands for all of its modules.
TORCH_FREE = (
    "errors",
    "resources",
    "progress",
    "showing",
    "settings",
    "paths",
    "results",
    "data",
    "probes",
    "view",
    "worth",
    "models.sources",
    "models.text.preview",
    "models.text.sources",
    "editing.settings",
    "editing.table",
    "editing.files.easyedit",
    "scores.settings",
    "scores.methods",
    "scores.selection",
    "scores.tracing.average",
    "scores.forecast.gain",
    "evaluation.settings",
    "runs.storage.bin",
    "runs.storage.index",
    "runs.storage.recorded",
    "runs.storage.store",
    "runs.storage.provenance",
    "runs.storage.keys",
    "runs.reading",
    "runs.shipped.study_units",
    "service",
)
ENGINE_ONLY = (  # of these folders: what runs in a process of its own
    "models.sources.fetching.gguf_conversion",
    "service.work",
)


@cache
def imports(path: Path) -> frozenset[str]:
    """Dotted names that a file imports, inside functions and for the type checker too."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return frozenset(names)


def module(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def part(path: Path) -> str:
    return path.relative_to(CORE).parts[0].removesuffix(".py")


def files(*folders: Path) -> list[Path]:
    return sorted(path for folder in folders for path in folder.rglob("*.py"))


def allowed(here: str) -> tuple[str, ...]:
    """The parts of lga_core that a part may import."""
    if here == "view":
        return ("view", *KNOWN_TO_VIEW)
    before = []
    for row in ORDER:
        if here in row:
            return (*before, here, *(("view",) if here in USERS_OF_VIEW else ()))
        before += row
    raise AssertionError(f"lga_core/{here} has no place in the order")


def test_imports_go_one_way():
    wrong = [
        f"{path.relative_to(ROOT)} imports {name}"
        for path in files(CORE)
        if part(path) not in FREE
        for name in imports(path)
        if name.startswith("lga_core.") and name.split(".")[1] not in allowed(part(path))
    ]
    assert not wrong


def test_every_part_has_its_place_in_the_order():
    assert {part(path) for path in files(CORE)} == {*(name for row in ORDER for name in row), *FREE, "view"}


@pytest.mark.parametrize("folder", [CORE, PAGES], ids=lambda folder: folder.name)
def test_there_is_no_circle(folder):
    """Among the modules of a folder, imports inside functions and for the type checker included."""
    paths = {module(path): path for path in files(folder)}

    def ours(name: str) -> str | None:
        """The module that an imported name is or is in: "lga_core.errors.LgaError" is in "lga_core.errors"."""
        return next((known for known in (name, name.rpartition(".")[0]) if known in paths), None)

    graph = {name: {ours(imported) for imported in imports(path)} - {None, name} for name, path in paths.items()}
    graph.pop("lga_core", None)  # the Python API, which joins everything
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(" → ".join(error.args[1]))


def test_what_the_server_imports_needs_no_torch():
    names = [module(path) for path in files(CORE)]
    free = [name for name in names if _within(name, TORCH_FREE) and not _within(name, ENGINE_ONLY)]
    assert len(free) > len(TORCH_FREE)
    done = _import_all(free, without=HEAVY)
    assert done.returncode == 0, done.stderr


def test_every_torch_free_name_is_there():
    names = [module(path).removeprefix("lga_core.") for path in files(CORE)]
    for place in (*TORCH_FREE, *ENGINE_ONLY):
        assert any(_within(f"lga_core.{name}", (place,)) for name in names), place


def test_the_whole_engine_imports_without_streamlit_and_begins_without_captum():
    begins = "import lga_core.service.work.desk\nassert 'captum' not in sys.modules, 'its start imports Captum'\n"
    names = [module(path) for path in files(CORE) if path.name != "__main__.py"]
    done = _import_all(names, without=["streamlit"], first=begins)
    assert done.returncode == 0, done.stderr


def _within(name: str, places: tuple[str, ...]) -> bool:
    return any(name == f"lga_core.{place}" or name.startswith(f"lga_core.{place}.") for place in places)


def _import_all(names, without, first="") -> subprocess.CompletedProcess:
    """Imports modules one by one in a process in which others cannot be imported; `first`: what it does before."""
    program = (
        f"import importlib, sys\nfor name in {list(without)!r}: sys.modules[name] = None\n"
        f"{first}"
        f"for name in {names!r}:\n    try: importlib.import_module(name)\n"
        "    except ImportError as error: sys.exit(f'{name}: {error}')"
    )
    return subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("item", [*EDITORS.values(), *MEASUREMENTS.values()], ids=lambda item: item.name)
def test_what_the_tables_name_is_there(item):
    assert callable(item.run if item.name in EDITORS else item.rows)


def test_no_two_classes_share_a_name():
    classes = sorted(
        (node.name, module(path))
        for path in files(CORE, PAGES)
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.ClassDef)
    )
    shared = [[*group] for _name, group in groupby(classes, key=lambda item: item[0])]
    assert not [group for group in shared if len(group) > 1]


def test_app_is_short_and_pages_compute_nothing():
    assert len((ROOT / "app.py").read_text().splitlines()) < 20
    for path in files(PAGES):
        assert not [name for name in imports(path) if name.split(".")[0] in HEAVY], path
    caches = [path for path in PAGES.glob("*.py") if "cache_" in path.read_text()]
    assert not caches


def test_only_pages_know_streamlit_among_the_python_files():
    users = {
        path.relative_to(ROOT).parts[0]
        for path in ROOT.rglob("*.py")
        if ".venv" not in path.parts and any(name.split(".")[0] == "streamlit" for name in imports(path))
    }
    assert users <= {"app.py", "pages", "tests"}
