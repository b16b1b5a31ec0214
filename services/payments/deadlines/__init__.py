"""Deadline notices, and interest that is due."""
