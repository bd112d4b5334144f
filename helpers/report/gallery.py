"""The gallery of results."""

from pathlib import Path

from helpers.places import outputs_folder
from helpers.studies.run_folder import write_whole


def write_gallery() -> Path:
    """Write ``outputs/index.html``."""
    path = outputs_folder() / "index.html"
    write_whole(path, "<!DOCTYPE html><title>Pretext Studies</title>")
    return path
