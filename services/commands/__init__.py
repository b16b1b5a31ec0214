"""What the commands do; `services.cli` only reads their arguments."""
