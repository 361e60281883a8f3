"""What the tests of the command line share with the others, under the name that they know it by."""

from conftest import Command, Said

__all__ = ["Command", "Said"]
