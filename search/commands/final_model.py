"""`thawtune export` and `predict`: what the final model is for."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from search.commands.shared import DataPath, RunFolder, console, say
from trainables.process.tensorflow_setup import import_tensorflow


def export(
    run: RunFolder,
    format_: Annotated[
        str, typer.Option("--format", help="keras, savedmodel, onnx or litert.")
    ] = "keras",
    output: Annotated[
        Path | None,
        typer.Option(help="Output path. Default: RUN/model/STUDY with the suffix of the format."),
    ] = None,
    quantize: Annotated[
        bool, typer.Option("--quantize", help="Store weights in 8 bits; litert only.")
    ] = False,
    force: Annotated[bool, typer.Option("--force", help="Replace an existing output.")] = False,
    data: DataPath = None,
) -> None:
    """Export the final model, including class names and preprocessing, to another format.

    The export is compared with the model on validation images. If any probability differs by more
    than 1e-4, nothing is written.
    """
    import_tensorflow()
    from search.final_model.export import export as run_export
    from search.remote.working_copy import run_at

    with run_at(run, writes=True, reads=("model",), say=say) as folder:
        done = run_export(folder, format_, output, quantize, force, data)
    console.print(done.in_words(folder), soft_wrap=True)


def predict(
    run: RunFolder,
    images: Annotated[list[Path], typer.Argument(metavar="IMAGE...", help="Files and folders.")],
    top: Annotated[int, typer.Option(min=1, help="Number of classes to show per image.")] = 5,
    batch: Annotated[int, typer.Option(min=1, help="Images classified at once.")] = 64,
    threshold: Annotated[
        float,
        typer.Option(
            min=0, max=1, help="Show no class with a smaller probability; without any: unsure."
        ),
    ] = 0.0,
    explain: Annotated[
        Path | None, typer.Option(help="Write a Grad-CAM picture of each image to this folder.")
    ] = None,
    csv: Annotated[
        Path | None, typer.Option(help="Write a table to this file, replacing it if it exists.")
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object per line.")
    ] = False,
) -> None:
    """Classify image files, and all images in folders and their subfolders.

    Images that cannot be read are listed on standard error with the reason, and counted at the
    end. The exit code is 0 all the same, but 2 if none could be read. If standard output is not a
    terminal, each image is one line: its path, then each class and its probability, separated by
    tabs.
    """
    import_tensorflow()
    from search.final_model.load import FILES
    from search.final_model.predict_output import Wanted
    from search.final_model.predict_output import predict as run_predict
    from search.remote.working_copy import run_at

    wanted = Wanted(top, batch, explain, csv, as_json, threshold)
    with run_at(run, reads=FILES) as folder:
        run_predict(
            folder, images, wanted, console, Console(stderr=True, markup=False, emoji=False)
        )
