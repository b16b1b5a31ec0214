"""Timeliness figures, the pattern measure and the monthly report."""
