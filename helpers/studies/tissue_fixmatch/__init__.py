"""Grey and white matter in gigapixel slides: FixMatch from a self-supervised start, under few labelled tiles."""
