"""The overlap look-up: what else a member has, asked before the service is lost."""
