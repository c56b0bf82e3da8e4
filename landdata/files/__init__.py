"""How files are opened, checked and put on grid cells."""
