"""What runs where: the operator's word, typed and validated. Knows nobody else in the house."""
