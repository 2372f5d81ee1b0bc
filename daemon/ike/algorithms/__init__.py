"""The cryptography of IKEv1: ciphers, groups, SKEYID and its children, signatures, and the start-up test of each."""
