"""What can be known of Aws, one subject a module."""
