"""What we ask of Redis: one function, one deed."""
