"""Facts of name resolution, one module for each subject."""
