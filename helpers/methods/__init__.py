"""Encoder + views + objective = one trainable method, one file a published method."""
