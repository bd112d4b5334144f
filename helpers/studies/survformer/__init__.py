"""SSL-SurvFormer: does pre-training on rows help a survival transformer when features are missing?"""
