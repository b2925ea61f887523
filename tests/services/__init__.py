"""Health tests of databases, caches and endpoints."""
