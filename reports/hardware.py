"""What a run was computed on, in words."""

from __future__ import annotations

from reports import formats
from reports.run_data import RunData


def hardware(data: RunData) -> str:
    """Machines, what a trial had of them, and what the search noted about them."""
    nodes = {trial.node for trial in data.history.trials.values() if trial.node}
    resources = data.study.resources
    share = f"{resources.cpu:g} CPU"
    if resources.gpu:
        share += f" and {resources.gpu:g} GPU"
    text = f"Each trial had {share}"
    if nodes:
        text = f"The trials ran on {formats.plural(len(nodes), 'machine')}; each had {share}"
    if resources.concurrent:
        text += f", {resources.concurrent} at once at the most"
    text += "."
    if data.finetuning is not None:
        workers = formats.plural(data.finetuning.workers, "worker")
        text += f" The winner was fine-tuned on {workers} of Ray Train."
    found = (data.history.opened or {}).get("hardware")
    if isinstance(found, dict) and found:
        text += " " + "; ".join(f"{name}: {value}" for name, value in found.items()) + "."
    return text
