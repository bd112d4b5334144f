"""Encoders, heads and decoders: ``nn.Module``s and nothing else."""
