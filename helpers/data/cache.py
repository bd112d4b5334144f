"""Decoded features on disk, keyed by content and settings; a file that is cut short is made anew."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Callable
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from helpers.places import outputs_folder

Tensors = dict[str, torch.Tensor]


def cached(key: dict[str, object], build: Callable[[], Tensors], folder: Path | None = None) -> Tensors:
    """Return ``build()``'s tensors, from disk where they were built before under the same key.

    Args:
        key: everything the features depend on (data fingerprint, settings, reader version), JSON-able.
        build: decodes; called once a key.
        folder: where the cache lies; ``outputs/.cache`` by default.

    Returns:
        The tensors, equal to ``build()``'s. A file that is damaged or cut short is detected by its checksum and
        rebuilt. Where the disk cannot hold the cache, the tensors are returned uncached.
    """
    text = json.dumps(key, sort_keys=True)
    folder = folder or outputs_folder() / ".cache"
    path = folder / f"{hashlib.sha256(text.encode()).hexdigest()[:24]}.safetensors"
    found = _read(path, text)
    if found is not None:
        return found
    tensors = _apart(build())
    _write(path, tensors, text)
    return tensors


def _read(path: Path, key: str) -> Tensors | None:
    try:
        with safe_open(path, framework="pt") as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            written = file.metadata() or {}
    except (OSError, RuntimeError, SafetensorError):  # RuntimeError: cut short between opening and mapping
        return None
    intact = written.get("key") == key and written.get("checksum") == _checksum(tensors)
    return tensors if intact else None


def _write(path: Path, tensors: Tensors, key: str) -> None:
    temporary: str | None = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=path.parent, suffix=".partial")
        os.close(handle)
        save_file(tensors, temporary, metadata={"checksum": _checksum(tensors), "key": key})
        os.replace(temporary, path)
    except (OSError, SafetensorError):  # a full disk costs the cache, not the run
        if temporary is not None:
            Path(temporary).unlink(missing_ok=True)


def _apart(tensors: Tensors) -> Tensors:
    """Contiguous tensors that share no memory, as the file format asks."""
    seen: set[int] = set()
    apart = {}
    for name, tensor in tensors.items():
        tensor = tensor.detach().contiguous()
        storage = tensor.untyped_storage()
        if storage.data_ptr() in seen or storage.nbytes() != tensor.numel() * tensor.element_size():
            tensor = tensor.clone()
        seen.add(tensor.untyped_storage().data_ptr())
        apart[name] = tensor
    return apart


def _checksum(tensors: Tensors) -> str:
    digest = hashlib.sha256()
    for name in sorted(tensors):
        tensor = tensors[name]
        digest.update(f"{name}:{tensor.dtype}:{tuple(tensor.shape)}".encode())
        digest.update(tensor.detach().contiguous().reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()
