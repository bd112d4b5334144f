"""Checkpoints and finished jobs on disk: written whole or not at all, and refused where a single bit has changed."""

from __future__ import annotations

import hashlib
import io
import os
import pickle
from contextlib import suppress
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from helpers.errors import StudyError

_DIGEST = 32  # bytes of SHA-256 that follow the payload


def write_checkpoint(path: Path, state: dict[str, Any]) -> None:
    """Write tensors and plain values, followed by their SHA-256.

    Raises:
        StudyError: the disk is full or the folder cannot be written; an older checkpoint is left as it was.
        TypeError: a value that could not be read back, such as a NumPy number.
    """
    buffer = io.BytesIO()
    torch.save(state, buffer)
    try:
        buffer.seek(0)
        torch.load(buffer, map_location="meta", weights_only=True)  # what kinds of values, not the values
    except pickle.UnpicklingError as error:
        raise TypeError(f"{path.name} could not be read back") from error
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with partial.open("wb") as file:
            file.write(buffer.getbuffer())
            file.write(hashlib.sha256(buffer.getbuffer()).digest())
        os.replace(partial, path)
    except OSError as error:
        with suppress(OSError):
            partial.unlink()
        raise StudyError(f"the checkpoint {path.name} cannot be written: {error.strerror}") from error


def read_checkpoint(path: Path) -> dict[str, Any] | None:
    """What :func:`write_checkpoint` wrote, on the CPU; None where there is none or it is not intact."""
    try:
        content = path.read_bytes()
    except OSError:
        return None
    payload = memoryview(content)[:-_DIGEST]
    if hashlib.sha256(payload).digest() != content[-_DIGEST:]:
        return None
    return torch.load(io.BytesIO(payload), map_location="cpu", weights_only=True)


def fits(state: dict[str, Tensor], other: dict[str, Tensor]) -> bool:
    """Whether two state dicts have the same names and shapes, so that one loads into the other's module."""
    return {name: t.shape for name, t in state.items()} == {name: t.shape for name, t in other.items()}
