"""Questions that jobs/study.py asks, one module each, and what they share."""
