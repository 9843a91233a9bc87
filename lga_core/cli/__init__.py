"""The command line. Every failure is one line on stderr with its remedy, and exit code 2."""

import os
import sys
import warnings
from collections.abc import Sequence
from contextlib import redirect_stdout

PROGRAM = "python -m lga_core"
STOPPED = 130
GOES_ON = {"score", "trace", "edit", "many", "sweep", "race", "demo"}  # they keep what they have finished


def entry() -> None:
    """What the console script `lga` calls."""
    sys.exit(main())


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command. Returns the exit code: 0; 1: a replay is not equal; 2: an error; 130: stopped with Ctrl-C."""
    _quiet_libraries()
    given = sys.argv[1:] if arguments is None else list(arguments)
    # whatever a library prints goes to stderr: stdout holds the answer (or the help) and nothing else
    with redirect_stdout(sys.stdout if "--help" in given else sys.stderr):
        return _run(given)


def _run(arguments: Sequence[str]) -> int:
    from typer.exceptions import TyperException

    from lga_core.errors import LgaError, explained

    try:
        from lga_core.cli.options import typed
        from lga_core.cli.table import commands

        typed.set(arguments)
        code = commands(args=arguments, prog_name=PROGRAM, standalone_mode=False) or 0
    except KeyboardInterrupt:  # while modules are imported; Typer answers later ones itself
        code = STOPPED
    except TyperException as error:
        return _fail(f"{error.format_message()} See `{PROGRAM} --help`.")
    except LgaError as error:
        return _fail(str(error))
    except Exception as error:
        if os.environ.get("LGA_TRACEBACK") == "1":
            raise
        return _fail(str(explained("The command", error, hint="LGA_TRACEBACK=1 shows the full traceback.")))
    if code == STOPPED:
        kept = " What was finished is kept: the same command goes on from there." if {*arguments[:1]} & GOES_ON else ""
        print(f"Stopped.{kept}", file=sys.stderr)
    return code


def _fail(message: str) -> int:
    from lga_core.view.words.text import printable

    print(printable(" ".join(message.split())), file=sys.stderr)
    return 2


def _quiet_libraries() -> None:
    warnings.simplefilter("ignore")
    for name, value in (
        ("TRANSFORMERS_VERBOSITY", "error"),
        ("HF_HUB_DISABLE_PROGRESS_BARS", "1"),
        ("TQDM_DISABLE", "1"),
        ("TOKENIZERS_PARALLELISM", "false"),
    ):
        os.environ.setdefault(name, value)
