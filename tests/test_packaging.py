"""Pins, lint commands and the wheel: what is written in several places is the same in all of them."""

import ast
import os
import pkgutil
import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
TEST_TOOLS = {"pytest"}  # in requirements.txt, so that it runs the tests; no dependency of the package
OPTIONAL = {"ray", "playwright"}  # imported only where they are asked for
PART_OF = {"pydantic_core": "pydantic", "yaml": "PyYAML"}  # the package that a module comes in
LINTERS = ("ruff check .", "ruff format --check .", "mypy")


def pins(file: str) -> dict[str, str]:
    """Package -> version; every line must be an exact pin."""
    lines = (ROOT / file).read_text(encoding="utf-8").split()
    assert all(re.fullmatch(r"[\w.-]+==[\w.]+", line) for line in lines), file
    return dict(line.split("==") for line in lines)


def test_the_package_depends_on_what_requirements_txt_pins():
    wanted = [f"{name}=={version}" for name, version in pins("requirements.txt").items() if name not in TEST_TOOLS]
    assert PROJECT["project"]["dependencies"] == wanted


def test_extras_have_the_versions_that_are_tested():
    tested = pins("tests/requirements.txt")
    for requirements in PROJECT["project"]["optional-dependencies"].values():
        for requirement in requirements:
            name, version = requirement.split("==")
            assert tested[name] == version


def test_what_is_imported_is_pinned():
    imported = set()
    for path in (ROOT / "app.py", *(ROOT / "lga_core").rglob("*.py"), *(ROOT / "pages").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                imported |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module:
                imported.add(node.module.split(".")[0])
    packages = imported - set(sys.stdlib_module_names) - {"lga_core", "pages"} - OPTIONAL
    assert {PART_OF.get(name, name) for name in packages} <= set(pins("requirements.txt"))


def test_make_and_ci_lint_alike():
    recipe = (ROOT / "Makefile").read_text(encoding="utf-8").split("\nlint:")[1].split("\n\n")[0]
    ci = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    hooks = (ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8")
    for command in LINTERS:
        assert f"\t{command}\n" in f"{recipe}\n"
        assert f"\n{command}\n" in ci
        assert f"entry: {command.removesuffix(' .')}\n" in hooks


def test_the_tools_are_pinned():
    assert {"ruff", "mypy", "pytest-xdist"} <= set(pins("tests/requirements.txt"))


def test_documents_name_the_version():
    version = PROJECT["project"]["version"]
    assert f"\nversion: {version}\n" in (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    assert f"\n## [{version}] " in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


def test_the_console_script_is_there():
    assert callable(pkgutil.resolve_name(PROJECT["project"]["scripts"]["lga"]))


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel as pip would build it, unpacked."""
    if "CI" not in os.environ:
        pytest.importorskip("hatchling")
    place = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(place)]
    done = subprocess.run(build, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    (archive,) = place.glob("*.whl")
    zipfile.ZipFile(archive).extractall(place / "installed")
    return place / "installed"


def tree(folder: Path) -> set[str]:
    """Every file of a folder but what Python writes beside its modules."""
    files = (path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    return {str(path) for path in files if "__pycache__" not in path.parts}


def test_the_wheel_has_one_package_and_no_other(wheel):
    assert {path.name for path in wheel.iterdir() if path.suffix != ".dist-info"} == {"lga_core"}


def test_the_wheel_carries_the_library(wheel):
    assert {path for path in tree(wheel / "lga_core") if not path.startswith("dashboard/")} == tree(ROOT / "lga_core")
    assert (wheel / "lga_core" / "py.typed").is_file()


def test_the_wheel_carries_the_dashboard(wheel):
    dashboard = wheel / "lga_core" / "dashboard"
    assets = {path for path in tree(ROOT / "assets") if not path.startswith("screenshots/")}
    assert tree(dashboard / "assets") == assets
    assert tree(dashboard / "pages") == tree(ROOT / "pages")
    for file in ("app.py", ".streamlit/config.toml"):
        assert (dashboard / file).read_bytes() == (ROOT / file).read_bytes()


def test_the_installed_package_finds_its_files(wheel, tmp_path):
    program = "from lga_core.resources import ASSETS, DASHBOARD; print(DASHBOARD); print(ASSETS)"
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(wheel)},
        capture_output=True,
        text=True,
        check=True,
    )
    dashboard = wheel / "lga_core" / "dashboard"
    assert done.stdout.split("\n")[:2] == [str(dashboard), str(dashboard / "assets")]
