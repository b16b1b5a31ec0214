"""The rules and codes, told to people and programs."""
