"""Ray: starting or joining a cluster, jobs, placement of trials, shipping code to workers."""
