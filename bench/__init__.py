"""Measurements and comparisons that are too slow or need too much for the tests."""
