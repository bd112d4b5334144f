"""Timed comparisons with other people's code: ``python -m tests.benchmarks`` runs all, with names of groups only those.

Run them on an idle machine. pytest never times anything here; it only sees that each benchmark runs at toy size.
"""
