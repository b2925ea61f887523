"""Health tests of Kubernetes clusters."""
