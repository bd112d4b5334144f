"""How one sample becomes two: batched random augmentations and corruptions."""
