"""Remittances (ASC X12 005010X221A1, 835): read, held against themselves, matched to claims, posted."""
