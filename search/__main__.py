"""`python -m search`: the command line without its script."""

from search.cli import main

main()
