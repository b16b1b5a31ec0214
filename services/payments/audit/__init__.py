"""The auditor's samples and evidence packs."""
