"""Health tests of AWS accounts."""
