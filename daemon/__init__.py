"""The IKE daemon: the shell around the protocol core in daemon/ike (docs/decisions/0001-layout.md)."""
