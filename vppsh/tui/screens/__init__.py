"""What the tabs lead to."""
