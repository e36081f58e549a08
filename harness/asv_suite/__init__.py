"""Our own costs per commit, for asv; not installed."""
