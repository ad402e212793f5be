"""Data sets: read, version, describe, split."""
