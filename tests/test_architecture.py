"""The direction of imports, the size of app.py, and an engine that knows no Streamlit."""

import ast
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
CORE = ROOT / "lga_core"
ORDER = ("errors", "results", "data", "models", "editing", "scores", "evaluation", "worth", "runs")
FREE = ("cli", "bench", "__init__", "__main__")        # they join everything


def imports(path: Path) -> set[str]:
    """Dotted names that a file imports, inside functions too."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path.name}: relative import"
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def part(path: Path) -> str:
    return path.relative_to(CORE).parts[0].removesuffix(".py")


def core_files() -> list[Path]:
    return sorted(CORE.rglob("*.py"))


def test_imports_go_one_way():
    wrong = []
    for path in core_files():
        here = part(path)
        if here in FREE:
            continue
        allowed = ("errors", "results", "view") if here == "view" else ORDER[:ORDER.index(here) + 1]
        wrong += [f"{path.relative_to(ROOT)} imports {name}" for name in imports(path)
                  if name.startswith("lga_core.") and name.split(".")[1] not in allowed]
    assert not wrong


def test_every_part_has_its_place_in_the_order():
    assert {part(path) for path in core_files()} == {*ORDER, *FREE, "view"}


def test_heavy_libraries_stay_where_they_belong():
    forbidden = {"data": ("torch", "streamlit", "transformers"), "view": ("torch", "streamlit", "transformers"),
                 "results": ("torch", "streamlit")}
    for path in core_files():
        banned = (*forbidden.get(part(path), ()), "streamlit")
        assert not [name for name in imports(path) if name.split(".")[0] in banned], path


def test_the_whole_engine_imports_without_streamlit():
    names = [".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__") for path in core_files()
             if path.name != "__main__.py"]
    program = ("import sys, importlib; sys.modules['streamlit'] = None; "
               f"[importlib.import_module(name) for name in {names!r}]")
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_app_is_short_and_pages_compute_nothing():
    assert len((ROOT / "app.py").read_text().splitlines()) < 60
    for path in (ROOT / "pages").rglob("*.py"):
        assert not [name for name in imports(path) if name.split(".")[0] in ("torch", "captum")], path
    caches = [path for path in (ROOT / "pages").glob("*.py") if "cache_" in path.read_text()]
    assert not caches


def test_only_pages_know_streamlit_among_the_python_files():
    users = {path.relative_to(ROOT).parts[0] for path in ROOT.rglob("*.py")
             if ".venv" not in path.parts and any(name.split(".")[0] == "streamlit" for name in imports(path))}
    assert users <= {"app.py", "pages", "tests"}
