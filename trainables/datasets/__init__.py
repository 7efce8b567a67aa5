"""Labelled images: one module a format, one interface for all."""
