"""What a step will take of the memory, told on stderr before it starts."""

import sys

from lga_core.cli.options import Common
from lga_core.results import MemoryEstimate
from lga_core.view.words import memory_sentence


def tell_memory(common: Common, what: str, need: MemoryEstimate) -> None:
    """One line, not with --quiet."""
    if not common.quiet:
        print(f"{what}: {memory_sentence(need)}", file=sys.stderr, flush=True)
