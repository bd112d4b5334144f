"""SSOLE: do nuclear norms alone teach as much as negatives, queues and second networks, at a small batch?"""
