"""What came of a search: tables, figures and the page."""
