"""The only door to PostgreSQL: pool, named queries, migrations, and a private server of our own."""
