"""The policy engine: nodes to a store, the store to decisions, decisions to reasons."""
