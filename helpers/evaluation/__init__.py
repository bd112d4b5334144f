"""Probes, metrics and the statistics of a claim."""
