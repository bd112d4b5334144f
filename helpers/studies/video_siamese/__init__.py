"""Spatio-temporal embedding of clips from pairs mined in unlabelled video."""
