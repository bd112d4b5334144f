"""The augmentation that studies on small images use unless they say otherwise."""

from __future__ import annotations

from helpers.views.images import ImageViews


def usual_views(kind: str, channels: int, size: int, strength: float = 1.0) -> ImageViews:
    """SimCLR's views for colour images; shape and light for grey ones, whose strokes blur and flips would undo.

    Args:
        kind: ``"colour"``, ``"grey"``, or ``"auto"`` for what fits the channels.
        channels: 1 or 3.
        size: side of the images and of their views, pixels; below 48 there is no blur.
        strength: factor on every change, >= 0.
    """
    if kind == "grey" or (kind == "auto" and channels == 1):
        views = ImageViews(size, crop_scale=(0.5, 1.0), flip=0.0, rotation=20.0, shear=15.0, saturation=0.0, hue=0.0,
                           gray=0.0, blur=0.0)  # fmt: skip
    else:
        views = ImageViews(size, blur=0.5 if size >= 48 else 0.0)
    return views.scaled(strength) if strength != 1 else views
