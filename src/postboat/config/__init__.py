"""What the user wants: reads TOML or OfflineIMAP's file into `schema.Config` and proves it. See `schema`, then `load`."""
