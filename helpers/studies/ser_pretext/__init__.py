"""Speech emotion recognition: pretext labels that voice and face give for nothing."""
