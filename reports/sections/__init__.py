"""The sections of the report, a module each: which words, tables and pictures stand in them."""
