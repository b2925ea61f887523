"""What can be known of a cluster, one subject a module."""
