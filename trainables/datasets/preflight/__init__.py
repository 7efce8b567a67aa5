"""The preflight: finding what is wrong with a dataset before anything is trained."""
