"""`python -m lga_core`: the command line."""

import sys

from lga_core.cli import main

if __name__ == "__main__":
    sys.exit(main())
