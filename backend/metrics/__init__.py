"""Metrics that need no network, and the record of a run's points."""
