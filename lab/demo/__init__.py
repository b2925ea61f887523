"""A small system of embedded parts, some of them really ill: what `make demo` diagnoses."""
