"""The adapter for the e-book vendor OneClickdigital."""
