"""Per study: its typed parameters, its claims, and the steps its notebook calls."""
