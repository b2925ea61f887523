"""What can be known of Postgres, one subject a module."""
