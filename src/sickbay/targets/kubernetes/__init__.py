"""Kubernetes: one paginated LIST per kind."""
