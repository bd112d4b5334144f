"""Figures, tables and the gallery of results."""
