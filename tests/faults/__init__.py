"""``python -m tests.faults [MOMENTS] [WORD …]``: break a real run off in every way at random moments; what survived.

A study of a few seconds (``survformer`` on GBSG2) is killed with all its processes, as a power cut would, at random
moments of its pre-training, of its evaluation and of its writing; its kernel dies; its files are damaged; its disk is
full or may not be written; its clock runs backwards; its loss is no number; it is asked for twice at once. Each time it
is then asked for again, and what it ends with must be the same, byte for byte, as the results of a run that nothing
disturbed.
"""
