"""People at work: what they are asked, what they answered, what is held to be right, and how far they agree."""
