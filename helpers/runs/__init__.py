"""Papermill execution, run folders, provenance and the results store."""
