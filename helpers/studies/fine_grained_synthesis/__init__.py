"""Fine-grained recognition: a self-supervised method, with and without pairs synthesised from its own features."""
