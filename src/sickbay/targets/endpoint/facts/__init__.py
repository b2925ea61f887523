"""What can be known of Endpoint, one subject a module."""
