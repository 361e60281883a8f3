"""Two versions of a system: what differs, which stage it comes from, what was expected, what must not be lost."""
