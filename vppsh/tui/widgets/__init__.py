"""Widgets, one class a file, bindings and help beside them."""
