"""The store: its tables, publishing a generation, and reading one."""
