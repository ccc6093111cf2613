"""How loops are compiled and run on several threads."""
