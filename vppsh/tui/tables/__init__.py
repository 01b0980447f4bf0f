"""What the tab of tables shows, as values: one table a file; a file here is a table, no list is edited."""
