"""Real systems with real faults: the proof that the health tests tell ill from healthy."""
