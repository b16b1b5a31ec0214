"""The review queue: what waits for a person, what they decide, and what that does."""
