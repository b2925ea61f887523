"""Redis: one pipelined connection."""
