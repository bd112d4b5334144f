"""Maize kernels: which way up they lie and where their embryos are, from few labels."""
