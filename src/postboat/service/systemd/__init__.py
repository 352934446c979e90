"""Being a service of a user: what the service manager is told, and its units."""
