"""The one exception that a user is meant to read."""


class StudyError(Exception):
    """Something the user can put right, said in one line: what is wrong, where, and what to do.

    In a notebook it renders as that line, without a traceback; the ``studies`` command prints it and exits
    with a non-zero code.
    """

    def __init__(self, message: str) -> None:
        super().__init__(" ".join(message.split()))

    def _render_traceback_(self) -> list[str]:
        """IPython's hook for an exception's own rendering."""
        return [f"StudyError: {self}"]
