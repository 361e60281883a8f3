"""Arrays in, estimates out: intervals, resampling, tests, agreement, planning."""
