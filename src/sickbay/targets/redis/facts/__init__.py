"""What can be known of Redis, one subject a module."""
