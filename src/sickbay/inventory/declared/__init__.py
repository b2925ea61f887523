"""What an inventory can declare about a host, one module for each subject."""
