"""Tensors in a local file, read so that the file can run no code, or refused by name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor

from helpers.errors import StudyError


def stored(file: Path, parameter: str) -> Any:
    """What a file of weights holds, on the CPU.

    Args:
        file: ``.safetensors``, or what ``torch.save`` wrote, which is read with ``weights_only=True``.
        parameter: that names the file, for the error.

    Raises:
        StudyError: the file is absent or cannot be read.
    """
    if not file.is_file():
        raise StudyError(f"{parameter}: there is no file {file}")
    try:
        if file.suffix == ".safetensors":
            return load_file(file)
        return torch.load(file, map_location="cpu", weights_only=True)
    except Exception as error:  # a damaged file fails wherever the damage leads
        first = str(error).strip().splitlines()[0][:200] if str(error).strip() else type(error).__name__
        raise StudyError(f"{parameter}: {file.name} cannot be read as tensors: {first}") from None


def state_dict(held: Any, file: Path, parameter: str) -> dict[str, Tensor]:
    """The tensors by name of what :func:`stored` gave.

    Raises:
        StudyError: it is anything else, or a tensor holds a value that is no finite number.
    """
    if not isinstance(held, dict) or not all(isinstance(k, str) and isinstance(t, Tensor) for k, t in held.items()):
        raise StudyError(f"{parameter}: {file.name} holds no state dict (name → tensor)")
    for name, tensor in held.items():
        if tensor.is_floating_point() and not bool(torch.isfinite(tensor).all()):
            raise StudyError(f"{parameter}: {file.name}: {name[:80]} holds values that are not finite; it is damaged")
    return held
