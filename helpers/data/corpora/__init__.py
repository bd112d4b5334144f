"""Readers for the on-disk layouts of public corpora, one file a domain."""
