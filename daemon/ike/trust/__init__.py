"""Who a peer is: identities, X.509, keys and credentials, and what they say to policy."""
