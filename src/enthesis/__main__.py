"""Run the command line by ``python -m enthesis``."""

from enthesis.cli import main

main()
