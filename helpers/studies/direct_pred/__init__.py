"""DirectPred: does a predictor set in closed form match a trained one, and what keeps it from collapsing?"""
