"""YAML <-> model."""
