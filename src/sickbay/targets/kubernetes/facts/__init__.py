"""What can be known of Kubernetes, one subject a module."""
