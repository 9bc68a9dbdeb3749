"""Tests of the kinds of token."""
