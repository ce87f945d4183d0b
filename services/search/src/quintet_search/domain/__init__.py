"""The rules of search in plain Python: records, query syntax, pages, and order of sources."""
