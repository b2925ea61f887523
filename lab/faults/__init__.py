"""Every way in which the lab's systems are broken, one module a world."""
