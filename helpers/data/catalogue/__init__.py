"""Every corpus that a study can look at: what it is, its licence, how to get it, how to know it, which reader opens it.

A file a domain (``images.py``, ``video.py`` …), each with its ``ENTRIES``; a new file is found by itself.
"""
