"""What the screens show, as values: one screen's table a file; a file here is a screen, no list is edited."""
