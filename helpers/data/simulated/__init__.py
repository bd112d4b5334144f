"""Built-in generators with exact labels, one file a domain."""
