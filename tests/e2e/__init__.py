"""Whole logins and enrolments, as people and programs do them."""
