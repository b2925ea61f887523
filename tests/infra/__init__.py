"""Health tests of hosts."""
