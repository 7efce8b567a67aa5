"""Studies: the records of a study file, and how one is read, checked and written."""
