"""Feeds of other care: rows of CSV, JSON or events in, records out, each stored once and corrected in place."""
