"""Figures, tables and the errors on the test frames."""
