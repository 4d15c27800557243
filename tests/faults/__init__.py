"""Real processes, killed and stopped at random, and what must hold after it."""
