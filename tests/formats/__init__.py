"""Imports and exports, against the real tools where there are some."""
