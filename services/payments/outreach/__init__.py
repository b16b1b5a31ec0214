"""The outreach ledger."""
