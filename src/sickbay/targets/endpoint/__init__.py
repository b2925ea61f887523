"""Endpoints: HTTP, TLS and DNS as a client sees them."""
