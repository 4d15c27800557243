"""The store, script by script, and everything at once."""
