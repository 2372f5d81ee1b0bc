"""The IKE protocol core, without IO: time, randomness and addresses are arguments, what it wants done is returned."""
