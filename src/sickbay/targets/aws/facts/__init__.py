"""What can be known of an AWS account in one region, one subject a module."""
