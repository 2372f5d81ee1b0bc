"""The work of the `policydb` command: one module for each thing that can be typed."""
