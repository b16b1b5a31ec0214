"""What all three services speak."""

__version__ = "0.1.0"
