"""The cache on this machine's disk: folder, entries, size limit, leases, copies at a URL."""
