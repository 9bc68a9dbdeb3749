"""The guide of OTPme 1.x replayed in our commands, and where ours differ from it."""
