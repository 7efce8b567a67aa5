"""Export to other formats: a module each, with `write`, `outputs` and `class_names`."""
