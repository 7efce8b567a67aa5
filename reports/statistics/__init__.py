"""Scores of classifiers, their bootstrap intervals, and tests of one model against another."""
