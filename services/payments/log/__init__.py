"""The timeliness log: entries, checkpoints, verification."""
