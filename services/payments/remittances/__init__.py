"""Remittances (835): read, matched, posted."""
