"""The pages hold what the code does, both ways, and their examples work as written."""
