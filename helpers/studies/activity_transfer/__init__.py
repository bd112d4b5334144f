"""Uninformed transfer of activity recognition to a new subject: OptiMapper."""
