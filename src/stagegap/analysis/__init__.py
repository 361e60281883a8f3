"""Maths -> views: the typed data behind one page, command or report section."""
