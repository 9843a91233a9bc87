"""Memory that a process has freed and that the C library still keeps for it."""

import ctypes
import sys
import time

LEAST_SECONDS = 5.0  # between two times, while jobs take turns: the next job has to ask for its memory anew


class FreedMemory:
    """Hands freed memory back to the system, and what torch keeps of a card's to the card.

    glibc keeps the pages that tensors of up to 32 MB were in: under load the engine of a 0.5 GB model grew to 3 GB, of
    which 0.6 GB were in use. Other C libraries have no such call.
    """

    def __init__(self) -> None:
        library = ctypes.CDLL(None) if sys.platform == "linux" else None
        self._trim = getattr(library, "malloc_trim", None)
        self._last = time.monotonic()

    def give_back(self) -> None:
        """All of it."""
        if self._trim is not None:
            self._trim(0)
        torch = sys.modules.get("torch")
        if torch is not None and torch.cuda.is_initialized():
            torch.cuda.empty_cache()
        self._last = time.monotonic()

    def give_back_now_and_then(self) -> None:
        """Unless that was done within the last `LEAST_SECONDS`."""
        if time.monotonic() - self._last > LEAST_SECONDS:
            self.give_back()
