"""Benchmarks: every figure is a ratio between two things done on the same machine in the same run."""
