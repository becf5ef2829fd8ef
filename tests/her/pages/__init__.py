"""The pages' numbers against independent statements about the same Redis and the same PostgreSQL."""
