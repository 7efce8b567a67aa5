"""What a worker process may use of its machine: GPU memory, threads, RAM; and what it logs."""
