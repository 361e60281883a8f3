"""What a stage can be, one kind a file."""
