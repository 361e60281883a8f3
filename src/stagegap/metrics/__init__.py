"""(output, reference) -> score."""
