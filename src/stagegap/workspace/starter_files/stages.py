"""The stages of the cascade: plain functions, called with a stage's inputs by name."""


def topic(question: str) -> str:
    """Say what a question is about."""
    words = question.lower()
    if "open" in words or "close" in words:
        return "opening"
    return "parking" if "park" in words else "other"


def reply(question: str, topic: str) -> str:
    """Answer a question, knowing its topic."""
    if topic == "opening":
        return "On Saturdays we are open from 10 to 14." if "Saturday" in question else "We are open from 9 to 18."
    if topic == "parking":
        return "There are 12 places behind the house, free for two hours."
    return "A librarian will call you back."
