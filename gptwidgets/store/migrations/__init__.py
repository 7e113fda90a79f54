"""How the store's schema came to be: Alembic's scripts, one for each revision."""
