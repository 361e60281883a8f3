"""`python -m stagegap`: the same as the command `stagegap`."""

from stagegap.cli import main

main()
