"""What search promises: records, the query's syntax, pages and the order of sources."""
