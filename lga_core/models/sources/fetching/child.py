"""Long work in a process of its own: it can be watched, stopped at once, and ends with the process that started it.

Run as a script, this file is the other half: it runs a module as `python -m` does, and exits when its standard
input closes, which the system does even for a parent that was killed.
"""

import os
import runpy
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from pathlib import Path

POLL_SECONDS = 0.2


class ChildFailed(Exception):
    """The module ended with an error; `output` is what it wrote."""

    def __init__(self, code: int, output: str) -> None:
        super().__init__(f"exit code {code}")
        self.code = code
        self.output = output

    @property
    def last_line(self) -> str:
        lines = [line.strip() for line in self.output.splitlines() if line.strip()]
        return lines[-1] if lines else str(self)


def run_child(
    module: str, arguments: list[str], *, log: Path, look: Callable[[], None], env: Mapping[str, str] | None = None
) -> None:
    """Run `python -m module …` to its end and call look() a few times a second; what look raises kills the child.

    Raises ChildFailed with the module's output, which goes to the file `log`.
    """
    # -P: the folder of this file must not become an import path of the module.
    command = [sys.executable, "-P", __file__, module, *arguments]
    with log.open("wb") as sink:
        process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=sink, stderr=subprocess.STDOUT, env={**os.environ, **(env or {})}
        )
    try:
        while process.poll() is None:
            look()
            try:
                process.wait(POLL_SECONDS)
            except subprocess.TimeoutExpired:
                continue
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
        process.stdin.close()
    if process.returncode:
        raise ChildFailed(process.returncode, log.read_text(encoding="utf-8", errors="replace"))


def own_modules() -> dict[str, str]:
    """The environment in which a child can import this package: a checkout is on no import path by itself."""
    from lga_core.resources import IMPORT_ROOT  # late: this file is run as a script too, where it cannot be imported

    return {"PYTHONPATH": os.pathsep.join([str(IMPORT_ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])}


def _exit_with_parent() -> None:
    # Returns when the parent is gone. Not sys.stdin: its lock, still held at the end, would abort the interpreter.
    os.read(0, 1)
    os._exit(1)


if __name__ == "__main__":
    threading.Thread(target=_exit_with_parent, daemon=True).start()
    sys.argv = sys.argv[1:]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
