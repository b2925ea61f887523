"""PostgreSQL: one read-only connection."""
