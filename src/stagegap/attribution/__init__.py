"""Swaps, and what they say about each stage."""
