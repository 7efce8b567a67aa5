"""What is tried next and who goes on: searcher, successive halving, dispatch, finalists."""
