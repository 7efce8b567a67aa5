"""`thawtune fit`: from photos to a study, a tested model and a report, in a given time."""
