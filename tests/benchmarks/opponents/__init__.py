"""What thawtune is measured against, each in the style of its tool's own examples.

An opponent is a module with `run(task)`, started in a process of its own by
`python -m tests.benchmarks.opponents TASK.json`.
"""
