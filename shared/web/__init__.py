"""What all web applications of the suite share: authentication, problems, idempotency, sessions, look."""
