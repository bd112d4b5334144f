"""Momentum pseudo-labels: does unlabelled learners' speech help to find and name mispronunciations?"""
