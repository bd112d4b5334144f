"""DeepEmoCluster: clusters of speech chunks beside the regression of arousal, valence and dominance."""
