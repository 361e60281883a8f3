"""Arrays in, estimates out."""
