"""GPTs on this kernel's device: load, record, read. Knows no widget and no store."""
