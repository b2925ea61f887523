"""AWS: read-only calls, side by side."""
