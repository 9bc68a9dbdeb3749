"""The how-tos of docs/howto, done as an administrator would do them."""
