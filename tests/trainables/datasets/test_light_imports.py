"""Reading data needs none of the heavy libraries."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import trainables.datasets


def test_no_module_imports_a_training_library():
    folder = Path(trainables.datasets.__file__).parent
    modules = [
        ".".join(("trainables", "datasets", *path.relative_to(folder).with_suffix("").parts))
        for path in folder.rglob("*.py")
        if path.stem != "__init__"
    ]
    assert len(modules) > 35
    heavy = "{'tensorflow', 'keras', 'ray', 'sklearn', 'scipy', 'tensorflow_datasets', 'pyarrow'}"
    code = f"import sys, {', '.join(modules)}; print({heavy} & set(sys.modules))"
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert result.stdout.strip() == "set()"
