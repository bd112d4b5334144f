"""Insect pests: NNCLR, BYOL and Barlow Twins under few labels, on raw and on segmented pictures."""
