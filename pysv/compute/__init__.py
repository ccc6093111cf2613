"""How loops are compiled and shared among threads."""
