"""How many configurations are tried: searcher, scheduler, ledger, command line."""
