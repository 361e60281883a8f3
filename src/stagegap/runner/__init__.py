"""Plan (pure) and execute (async)."""
