"""What the user wants: TOML or OfflineIMAP's file becomes a `schema.Config` and is proved. Start with `schema`."""
