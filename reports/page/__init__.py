"""The report as a document, and its two forms: one HTML file, and Markdown."""
