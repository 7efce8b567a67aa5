"""A worker process: its GPU memory, threads and RAM, its log, and reading pickles safely."""
