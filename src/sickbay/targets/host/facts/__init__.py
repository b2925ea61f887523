"""What can be known of a host, one subject a module."""
