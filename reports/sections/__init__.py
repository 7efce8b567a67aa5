"""The sections of the report, one module each: their text, tables and pictures."""
