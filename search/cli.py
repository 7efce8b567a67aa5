"""The command line. Commands import what they need when they run, so that --help is instant."""

from __future__ import annotations

import json
import signal
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from importlib.metadata import entry_points
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from spaces.errors import DataError, InputError, ThawtuneError

if TYPE_CHECKING:
    from search.records.run import Run

app = typer.Typer(
    name="thawtune",
    help="Search how best to fine-tune a pretrained image classifier.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
console = Console()

StudyName = Annotated[str, typer.Argument(metavar="STUDY", help="A path, or a name in spaces/.")]
RunFolder = Annotated[str, typer.Argument(metavar="RUN", help="The folder of a run, or its URL.")]
DataPath = Annotated[Path | None, typer.Option(help="Where the dataset is: folder or archive.")]
Address = Annotated[str | None, typer.Option(help="Of a Ray cluster; without it, this machine.")]


@app.callback()
def _options(
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks.")] = False,
) -> None:
    pass


@app.command()
def demo(
    run: Annotated[Path | None, typer.Option(help="Folder of the run.")] = None,
) -> None:
    """Embedded digits: search, fine-tune, evaluate, report."""
    folder = str(run or _unused(Path("runs/demo")))
    search("digits", run=folder)
    finetune(folder)
    evaluate(folder)
    _command("report")(folder)


@app.command()
def validate(study: StudyName) -> None:
    """Say all that is wrong with a study, before any compute."""
    from search.studies.preflight import progress_bar
    from search.studies.validate import validate as run_validate
    from spaces.study_file import find_study

    with progress_bar(console) as progress:
        checked, missing = run_validate(find_study(study), progress)
    console.print(f"{checked.name} is sound: {checked.budget.trials} trials.", highlight=False)
    if missing is not None:
        console.print(f"Not checked, its data: {missing}", highlight=False)


@app.command()
def describe(
    study: StudyName,
    recipe: Annotated[str | None, typer.Option(help="One of the study's recipes.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
) -> None:
    """Show a configuration's network, parameters, boundary and cost."""
    from search.studies.describe import describe_study, render

    _import_tensorflow()
    description = describe_study(study, recipe)
    if as_json:
        print(json.dumps(description, ensure_ascii=False))
    else:
        console.print(render(description))


@app.command()
def data(
    study: StudyName,
    data: DataPath = None,
    contact_sheet: Annotated[
        Path | None, typer.Option(help="Write a picture of random images here.")
    ] = None,
) -> None:
    """Preflight: look at the images before anything is trained on them."""
    from search.studies.preflight import examine_study, write_contact_sheet
    from trainables.datasets.preflight.view import render

    section, found = examine_study(study, data, console)
    console.print(render(found))
    if contact_sheet is not None:
        write_contact_sheet(section, None, contact_sheet)
    if found.errors:
        raise DataError("\n".join(found.errors))


@app.command()
def search(
    study: StudyName,
    run: Annotated[
        str | None,
        typer.Option(help="Folder of the run, or a URL; STUDY in $THAWTUNE_RUNS, or in runs/."),
    ] = None,
    data: DataPath = None,
    skip_bad: Annotated[
        bool, typer.Option("--skip-bad", help="Leave out images that cannot be decoded.")
    ] = False,
    trials: Annotated[
        int | None, typer.Option(min=1, help="In place of the study's number.")
    ] = None,
    address: Address = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with a run.")] = False,
) -> None:
    """Search a study's space."""
    from search.cluster.ray_job import run_folder
    from search.driver.prepare import prepare
    from search.driver.search import search as run_search
    from search.live.live_table import status
    from search.remote.working_copy import run_at
    from search.studies.preflight import progress_bar
    from search.studies.validate import load_checked
    from spaces.study_file import find_study

    with progress_bar(console) as progress:
        checked = load_checked(find_study(study), data, skip_bad, progress)
    target = run_folder(run, checked.name)
    with run_at(target, drives=True) as folder:
        prepared, to_run = prepare(folder, checked, trials, resume, console)
        history = run_search(prepared, to_run, address, console)
    for name, value in status(to_run, history).items():
        console.print(f"{name}: {value}", highlight=False)
    console.print(f"run: {target}", highlight=False, soft_wrap=True)


@app.command()
def finetune(
    run: RunFolder,
    workers: Annotated[
        int, typer.Option(help="Processes of Ray Train, which share each batch.")
    ] = 1,
    gpu: Annotated[bool, typer.Option("--gpu", help="One GPU for each worker.")] = False,
    batch: Annotated[
        int | None,
        typer.Option(help="Global batch: images in an update, over all workers."),
    ] = None,
    address: Address = None,
    data: DataPath = None,
    incumbent: Annotated[
        bool,
        typer.Option(
            "--incumbent", help="Take the best of the search though its finalists are unfinished."
        ),
    ] = False,
) -> None:
    """Train the winner on training and validation images together, on Ray Train.

    The global batch stays as the winner had it, whatever the number of workers, and so does the
    learning rate. With --batch the learning rate grows with the batch: in proportion with SGD, by
    the square root with Adam. A worker that is lost costs the epoch it was in: training goes on
    from the newest checkpoint, with fewer workers where there is no room for all.
    """
    _import_tensorflow()
    from search.finetune.finetune import finetune as run_finetune
    from search.remote.working_copy import run_at

    with run_at(run) as folder:
        record = run_finetune(folder, workers, gpu, address, batch, data, incumbent, _say)
    again = len(record["restarts"])
    console.print(
        f"fine-tuned: trial {record['trial']} for {record['epochs']} epochs on "
        f"{record['images']} images in {record['seconds']:.0f} s"
        + (f", taken up anew {again} times" if again else ""),
        highlight=False,
    )


@app.command()
def evaluate(
    run: RunFolder,
    again: Annotated[
        bool, typer.Option("--again", help="Open it once more; the report will say so.")
    ] = False,
    against: Annotated[
        str | None,
        typer.Option(metavar="RUN", help="Of a random search, to be tested at equal cost."),
    ] = None,
    data: DataPath = None,
) -> None:
    """Open the sealed test set, once."""
    import time

    _import_tensorflow()
    from search.remote.working_copy import run_at
    from search.testset.evaluate import evaluate as run_evaluate

    with run_at(run) as folder, nullcontext() if against is None else run_at(against) as other:
        record, opened_now = run_evaluate(folder, again, other, data, _say)
    when = time.strftime("%Y-%m-%d %H:%M", time.localtime(record["opened"]))
    heading = "test set opened" if opened_now else f"test set was opened on {when}; it said"
    console.print(f"{heading}: {record['images']} images", highlight=False)
    for model in record["models"]:
        console.print(
            f"  {model['name']}: accuracy {model['accuracy']:.4f}, loss {model['loss']:.4f}",
            highlight=False,
        )


cache = typer.Typer(help="List or clear the feature store.")
app.add_typer(cache, name="cache")


@cache.callback(invoke_without_command=True)
def _cache(context: typer.Context) -> None:
    if context.invoked_subcommand is None:
        list_cache()


@cache.command("list")
def list_cache() -> None:
    """Show what is in the feature store, what was used last first."""
    from search.features.cache_command import chosen, render

    console.print(render(chosen(None, None)), highlight=False)


@cache.command("clear")
def clear_cache(
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    older_than: Annotated[
        float | None, typer.Option(min=0, metavar="DAYS", help="Not used for so long.")
    ] = None,
    kind: Annotated[str | None, typer.Option(help="features or images.")] = None,
) -> None:
    """Remove what no running search reads."""
    from search.features.cache_command import chosen, clear

    entries = chosen(kind, older_than)
    if entries and not yes:
        typer.confirm(f"Remove {len(entries)} of the feature store's entries?", abort=True)
    console.print(str(clear(entries)), highlight=False)


@app.command()
def export(
    run: RunFolder,
    format_: Annotated[
        str, typer.Option("--format", help="keras, savedmodel, onnx or litert.")
    ] = "keras",
    output: Annotated[
        Path | None,
        typer.Option(help="Where to; RUN/model/STUDY and the format's ending if not given."),
    ] = None,
    quantize: Annotated[
        bool, typer.Option("--quantize", help="Weights in 8 bits; for litert.")
    ] = False,
    force: Annotated[bool, typer.Option("--force", help="Replace what is there.")] = False,
    data: DataPath = None,
) -> None:
    """Write the final model in another format, class names and preprocessing inside.

    It is compared with the model on validation images, and nothing is written where a probability
    differs by more than 1e-4.
    """
    _import_tensorflow()
    from search.final_model.export import export as run_export
    from search.remote.working_copy import run_at

    with run_at(run) as folder:
        done = run_export(folder, format_, output, quantize, force, data)
    console.print(done.in_words(folder), highlight=False, soft_wrap=True)


@app.command()
def predict(
    run: RunFolder,
    images: Annotated[list[Path], typer.Argument(metavar="IMAGE...", help="Files and folders.")],
    top: Annotated[int, typer.Option(min=1, help="Classes told of each image.")] = 5,
    batch: Annotated[int, typer.Option(min=1, help="Images classified at once.")] = 64,
    explain: Annotated[
        Path | None, typer.Option(help="Write a Grad-CAM picture of each image into this folder.")
    ] = None,
    csv: Annotated[
        Path | None, typer.Option(help="Write a table here; replaced if it is there.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,
) -> None:
    """Classify images, in files and in folders, which are searched to the bottom.

    Images that cannot be read are named on standard error with the reason and counted at the end;
    the exit code is 0 nevertheless, and 2 if none could be read. Where standard output is no
    terminal, there is a line an image: its path, then each class and its probability, by tabs.
    """
    _import_tensorflow()
    from search.final_model.predict_output import Wanted
    from search.final_model.predict_output import predict as run_predict
    from search.remote.working_copy import run_at

    wanted = Wanted(top, batch, explain, csv, as_json)
    with run_at(run) as folder:
        run_predict(folder, images, wanted, console, Console(stderr=True))


def _add_commands() -> None:
    """Add the commands of packages above this one, which it does not import."""
    for entry in sorted(entry_points(group="thawtune.commands"), key=lambda entry: entry.name):
        entry.load()(app, _open_run, console)


def _open_run(place: str) -> AbstractContextManager[Run]:
    from search.remote.working_copy import run_at

    return run_at(place)


def _command(name: str) -> Callable[..., None]:
    """The function behind a command, whoever has added it."""
    for command in app.registered_commands:
        if command.callback is not None and command.callback.__name__ == name:
            return command.callback
    raise InputError(f"The command {name} is not installed: run pip install again.")


def _say(text: str) -> None:
    console.print(text, highlight=False, markup=False, soft_wrap=True)


def _import_tensorflow() -> None:
    from trainables.process.tensorflow_setup import import_tensorflow

    import_tensorflow()


def _unused(path: Path) -> Path:
    """The path, or the first of path-2, path-3, … that is not there."""
    number = 2
    candidate = path
    while candidate.exists():
        candidate, number = path.with_name(f"{path.name}-{number}"), number + 1
    return candidate


_add_commands()


def main() -> None:
    """Run the command line; a user's error ends as a sentence and an exit code."""
    interrupted: list[int] = []

    def on_interrupt(number: int, _: FrameType | None) -> None:
        interrupted.append(number)
        raise KeyboardInterrupt

    signal.signal(signal.SIGINT, on_interrupt)
    try:
        app(standalone_mode=True)
    except SystemExit as stop:
        if interrupted and stop.code == 1:  # Typer's "Aborted."
            sys.exit(128 + interrupted[0])
        raise
    except ThawtuneError as error:
        if "--debug" in sys.argv:
            raise
        Console(stderr=True).print(
            str(error), style="red", highlight=False, markup=False, soft_wrap=True
        )
        sys.exit(error.exit_code)
