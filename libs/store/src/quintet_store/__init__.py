"""The catalogue's database: tables, migrations and queries."""
