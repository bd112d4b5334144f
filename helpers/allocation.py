"""Keeping memory that has been freed, so that the next step need not ask the system for it again."""

from __future__ import annotations

import ctypes
from functools import lru_cache

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3  # glibc's malloc.h
_LARGEST_MMAP_THRESHOLD = 32 * 2**20  # bytes; glibc refuses more
_KEPT = 2**30  # bytes of free memory at the heap's end that stay with the process


@lru_cache(maxsize=1)
def keep_freed_memory() -> bool:
    """Let glibc serve blocks of up to 32 MiB from its heap, and give the heap's end back only above 1 GiB of it.

    Every step of training allocates and frees the same blocks. By default those of some MiB come from the system anew
    each time, zeroed page by page. Changes no number, only speed; without glibc it does nothing.

    Returns:
        Whether glibc took both settings.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):  # not Linux, or another C library
        return False
    return bool(mallopt(_M_MMAP_THRESHOLD, _LARGEST_MMAP_THRESHOLD)) and bool(mallopt(_M_TRIM_THRESHOLD, _KEPT))
