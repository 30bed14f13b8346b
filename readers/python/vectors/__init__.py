"""For tests and vectors only: makes `test/vectors/v1.json`. It seals without any care for IVs or keys."""
