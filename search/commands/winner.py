"""`thawtune finetune` and `evaluate`: the winner, on all images but the test set, then on that."""

from __future__ import annotations

from contextlib import nullcontext
from typing import Annotated

import typer

from search.commands.shared import Address, DataPath, RunFolder, console, say
from trainables.process.gpu import hide_gpus
from trainables.process.tensorflow_setup import import_tensorflow


def finetune(
    run: RunFolder,
    workers: Annotated[
        int, typer.Option(help="Number of Ray Train workers; each batch is split across them.")
    ] = 1,
    gpu: Annotated[bool, typer.Option("--gpu", help="Give each worker one GPU.")] = False,
    batch: Annotated[
        int | None,
        typer.Option(help="Images per update over all workers. Default: the winner's batch size."),
    ] = None,
    address: Address = None,
    data: DataPath = None,
    incumbent: Annotated[
        bool,
        typer.Option(
            "--incumbent", help="Use the best trial so far even if finalists are unfinished."
        ),
    ] = False,
) -> None:
    """Train the winner on training and validation images together, with Ray Train.

    The global batch size and the learning rate stay as in the winner's trial, whatever the number
    of workers. With --batch, the learning rate is scaled with the batch size: linearly with SGD,
    by the square root with Adam. If a worker is lost, training resumes from the checkpoint of the
    last finished epoch, with fewer workers if there is no room for all.
    """
    hide_gpus()
    from search.finetune.finetune import finetune as run_finetune
    from search.live.lock import locked_run
    from search.remote.working_copy import run_at

    with (
        run_at(run, writes=True, replaces=("model",), say=say) as folder,
        locked_run(folder),
    ):
        record = run_finetune(folder, workers, gpu, address, batch, data, incumbent, say)
    again = len(record["restarts"])
    console.print(
        f"fine-tuned: trial {record['trial']} for {record['epochs']} epochs on "
        f"{record['images']} images in {record['seconds']:.0f} s"
        + (f", restarted {again} {'time' if again == 1 else 'times'}" if again else ""),
    )


def evaluate(
    run: RunFolder,
    again: Annotated[
        bool, typer.Option("--again", help="Open the test set again; the report will say so.")
    ] = False,
    against: Annotated[
        str | None,
        typer.Option(
            metavar="RUN", help="Also test the best trial of this random search, at equal cost."
        ),
    ] = None,
    data: DataPath = None,
) -> None:
    """Test the final model on the sealed test set, which is opened only once."""
    import time

    import_tensorflow()
    from search.final_model.load import FILES
    from search.live.lock import locked_run
    from search.remote.working_copy import run_at
    from search.testset.evaluate import evaluate as run_evaluate

    with (
        run_at(run, writes=True, reads=FILES, replaces=("gradcam",), say=say) as folder,
        nullcontext() if against is None else run_at(against) as other,
        locked_run(folder),
    ):
        record, opened_now = run_evaluate(folder, again, other, data, say)
        metric = folder.study().objective.metric.removeprefix("val_")
    when = time.strftime("%Y-%m-%d %H:%M", time.localtime(record["opened"]))
    heading = "test set opened" if opened_now else f"test set was opened on {when}"
    console.print(f"{heading}: {record['images']} images")
    for model in record["models"]:
        shown = [name for name in ("accuracy", metric, "loss") if name in model]
        scores = ", ".join(f"{n.replace('_', ' ')} {model[n]:.4f}" for n in dict.fromkeys(shown))
        console.print(f"  {model['name']}: {scores}", highlight=False)
