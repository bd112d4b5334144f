"""Joint image-volume pretraining: slices, volumes, or both, and what each is worth for 3-D segmentation."""
