"""How fast a search is beside other tools, and how far it is from what the machine can do.

`python -m tests.benchmarks --quick` measures; see `plan` for the sizes and each module of
`questions` for what is measured.
"""
