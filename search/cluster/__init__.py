"""Ray: starting or joining a cluster, jobs, placement of trials, shipping of code."""
