"""The project's tests; ``python -m tests`` runs them all, with linting, types and notebooks."""
