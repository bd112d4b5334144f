"""Start-up that a run's process can do without."""

import sys


def skip_slow_checks() -> None:
    """Keep jsonschema from compiling the grammar of international addresses, 2 s at every import of nbformat.

    jsonschema leaves that one check out where the package that holds the grammar cannot be imported; no notebook has
    such an address. Call it before nbformat, papermill or nbconvert are imported.
    """
    sys.modules.setdefault("rfc3987_syntax", None)  # type: ignore[arg-type]
