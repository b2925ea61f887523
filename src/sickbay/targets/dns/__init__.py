"""Name resolution: a resolver, and the names and zones that it has to know."""
