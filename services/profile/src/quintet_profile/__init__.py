"""Seeds to averaged feature profile."""
