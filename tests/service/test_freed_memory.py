"""What is freed goes back to the system."""

import platform

import psutil
import pytest

from lga_core.service.process.freed_memory import FreedMemory

BLOCK = 100_000  # bytes: small enough for the C library to keep what is freed


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc keeps it")
def test_freed_blocks_below_one_in_use_go_back_to_the_system():
    blocks = [bytearray(b"x" * BLOCK) for _ in range(2_000)]
    last = blocks[-1]
    del blocks
    before = psutil.Process().memory_info().rss
    FreedMemory().give_back()
    assert before - psutil.Process().memory_info().rss > 1_000 * BLOCK
    assert len(last) == BLOCK
