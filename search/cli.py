"""The command line. Each command imports what it needs when it runs, so that --help is instant."""

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
    help="Search for the best way to fine-tune a pretrained image classifier.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
console = Console()

StudyName = Annotated[
    str, typer.Argument(metavar="STUDY", help="Path of a study file, or a name in spaces/.")
]
RunFolder = Annotated[str, typer.Argument(metavar="RUN", help="Folder or URL of a run.")]
DataPath = Annotated[Path | None, typer.Option(help="Folder or archive of the dataset.")]
Address = Annotated[
    str | None,
    typer.Option(
        help="Ray cluster to join. Default: this job's, or else a new one on this machine."
    ),
]


@app.callback()
def _options(
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks.")] = False,
) -> None:
    pass


@app.command()
def demo(
    run: Annotated[Path | None, typer.Option(help="Folder of the run.")] = None,
) -> None:
    """Search, fine-tune, evaluate and report on scikit-learn's digits."""
    folder = str(run or _unused(Path("runs/demo")))
    search("digits", run=folder)
    finetune(folder)
    evaluate(folder)
    _command("report")(folder)


@app.command()
def validate(study: StudyName) -> None:
    """Check a study and list every problem, without training anything."""
    from search.studies.preflight import progress_bar
    from search.studies.validate import validate as run_validate
    from spaces.study_file import find_study

    with progress_bar(console) as progress:
        checked, missing = run_validate(find_study(study), progress)
    console.print(f"{checked.name} is valid: {checked.budget.trials} trials.", highlight=False)
    if missing is not None:
        console.print(f"Its data was not checked: {missing}", highlight=False)


@app.command()
def describe(
    study: StudyName,
    recipe: Annotated[
        str | None, typer.Option(help="Describe this recipe instead of the base configuration.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Show the network, parameters, boundary and cost of a configuration."""
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
        Path | None, typer.Option(help="Write a picture of random training images to this file.")
    ] = None,
) -> None:
    """Check the images of a study before anything is trained on them (preflight)."""
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
        typer.Option(
            help="Folder or URL of the run. Default: the study's name, in $THAWTUNE_RUNS or runs/."
        ),
    ] = None,
    data: DataPath = None,
    skip_bad: Annotated[
        bool, typer.Option("--skip-bad", help="Leave out images that cannot be decoded.")
    ] = False,
    trials: Annotated[
        int | None, typer.Option(min=1, help="Number of trials, instead of the study's.")
    ] = None,
    address: Address = None,
    resume: Annotated[bool, typer.Option("--resume", help="Continue an existing run.")] = False,
) -> None:
    """Search the space of a study."""
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
    with run_at(target, drives=True, say=_say) as folder:
        prepared, to_run = prepare(folder, checked, trials, resume, console)
        history = run_search(prepared, to_run, address, console)
    for name, value in status(to_run, history).items():
        console.print(f"{name}: {value}", highlight=False)
    console.print(f"run: {target}", highlight=False, soft_wrap=True)


@app.command()
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
    _import_tensorflow()
    from search.finetune.finetune import finetune as run_finetune
    from search.remote.working_copy import run_at

    with run_at(run, writes=True, replaces=("model",), say=_say) as folder:
        record = run_finetune(folder, workers, gpu, address, batch, data, incumbent, _say)
    again = len(record["restarts"])
    console.print(
        f"fine-tuned: trial {record['trial']} for {record['epochs']} epochs on "
        f"{record['images']} images in {record['seconds']:.0f} s"
        + (f", restarted {again} {'time' if again == 1 else 'times'}" if again else ""),
        highlight=False,
    )


@app.command()
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

    _import_tensorflow()
    from search.final_model.load import FILES
    from search.remote.working_copy import run_at
    from search.testset.evaluate import evaluate as run_evaluate

    with (
        run_at(run, writes=True, reads=FILES, replaces=("gradcam",), say=_say) as folder,
        nullcontext() if against is None else run_at(against) as other,
    ):
        record, opened_now = run_evaluate(folder, again, other, data, _say)
    when = time.strftime("%Y-%m-%d %H:%M", time.localtime(record["opened"]))
    heading = "test set opened" if opened_now else f"test set was opened on {when}"
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
    """List the entries of the feature store, the most recently used first."""
    from search.features.cache_command import chosen, render

    console.print(render(chosen(None, None)), highlight=False)


@cache.command("clear")
def clear_cache(
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask for confirmation.")] = False,
    older_than: Annotated[
        float | None,
        typer.Option(min=0, metavar="DAYS", help="Only entries not used for this many days."),
    ] = None,
    kind: Annotated[str | None, typer.Option(help="Only this kind: features or images.")] = None,
) -> None:
    """Remove entries of the feature store that no running search reads."""
    from search.features.cache_command import chosen, clear

    entries = chosen(kind, older_than)
    if entries and not yes:
        typer.confirm(f"Remove {len(entries)} entries of the feature store?", abort=True)
    console.print(str(clear(entries)), highlight=False)


@app.command()
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
    _import_tensorflow()
    from search.final_model.export import export as run_export
    from search.remote.working_copy import run_at

    with run_at(run, writes=True, reads=("model",), say=_say) as folder:
        done = run_export(folder, format_, output, quantize, force, data)
    console.print(done.in_words(folder), highlight=False, soft_wrap=True)


@app.command()
def predict(
    run: RunFolder,
    images: Annotated[list[Path], typer.Argument(metavar="IMAGE...", help="Files and folders.")],
    top: Annotated[int, typer.Option(min=1, help="Number of classes to show per image.")] = 5,
    batch: Annotated[int, typer.Option(min=1, help="Images classified at once.")] = 64,
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
    _import_tensorflow()
    from search.final_model.load import FILES
    from search.final_model.predict_output import Wanted
    from search.final_model.predict_output import predict as run_predict
    from search.remote.working_copy import run_at

    wanted = Wanted(top, batch, explain, csv, as_json)
    with run_at(run, reads=FILES) as folder:
        run_predict(folder, images, wanted, console, Console(stderr=True))


def _add_commands() -> None:
    """Add the commands of packages that import this one, found by their entry points."""
    for entry in sorted(entry_points(group="thawtune.commands"), key=lambda entry: entry.name):
        entry.load()(app, _open_run, console)


def _open_run(place: str) -> AbstractContextManager[Run]:
    from search.remote.working_copy import run_at

    return run_at(place, reads=("gradcam", "mistakes"), replaces=("report",))


def _command(name: str) -> Callable[..., None]:
    """The function behind a command, including those that other packages add."""
    for command in app.registered_commands:
        if command.callback is not None and command.callback.__name__ == name:
            return command.callback
    raise InputError(f"The command {name} is not installed. Install thawtune again with pip.")


def _say(text: str) -> None:
    console.print(text, highlight=False, markup=False, soft_wrap=True)


def _import_tensorflow() -> None:
    from trainables.process.tensorflow_setup import import_tensorflow

    import_tensorflow()


def _unused(path: Path) -> Path:
    """The path, or the first of path-2, path-3, … that does not exist."""
    number = 2
    candidate = path
    while candidate.exists():
        candidate, number = path.with_name(f"{path.name}-{number}"), number + 1
    return candidate


_add_commands()


def main() -> None:
    """Run the command line; errors of the user become a message and an exit code."""
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
