"""What a view prints, as data, and the only place that prints an estimate. Pure."""
