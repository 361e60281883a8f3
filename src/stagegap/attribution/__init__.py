"""Which stage is to blame: swaps, ceiling, faults. Arrays and cascades in, estimates and counts out."""
