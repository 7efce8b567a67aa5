"""`python -m search`: the command line without its script.

Python puts the current folder first on its path, where a person may have a `spaces.py` or `reports`
of their own: it is taken off, unless this package is in it.
"""

import sys
from pathlib import Path

from search import main

is_ours = Path(sys.path[0]).resolve() == Path(__file__).resolve().parent.parent
if not is_ours and not sys.flags.safe_path:
    del sys.path[0]
main()
