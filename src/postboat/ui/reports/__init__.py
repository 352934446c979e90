"""What commands print that show no run: `status`, in full and for a `bar`; `check` and `folders`; `restore`."""
