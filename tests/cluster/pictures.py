"""Takes the screenshots in docs/watching.md: python -m tests.cluster.pictures; needs Chromium.

They show Ray's dashboard while a search runs as a job on a cluster of one host.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from PIL import Image

from tests.cluster.browser import Page, chromium, take
from tests.cluster.clusters import ROOT, Cluster, cluster
from tests.faults.driving import Search, wait_until

FOLDER = ROOT / "docs" / "pictures"


def main() -> None:
    """Take all screenshots."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, cluster(cpus=4, gpus=0) as host:
        made = Search(
            Path(folder),
            resources={"cpu": 1, "gpu": 0, "concurrent": 3},
            budget={"trials": 200, "max_epochs": 243, "grace_period": 9, "reduction_factor": 3},
        )
        host.submit("pictured", made.study, "--run", made.run.folder)
        wait_until(lambda: len(made.named("trial_ended")) >= 6)
        token = {"Authorization": f"Bearer {host.environment['RAY_AUTH_TOKEN']}"}
        with chromium() as browser:
            for name, page in pages(host).items():
                path = FOLDER / f"{name}.png"
                take(browser, f"{host.dashboard}/#", page, token, path)
                in_few_colours(path)
        host.job("stop", "pictured")


def pages(host: Cluster) -> dict[str, Page]:
    """The pages to take, by file name."""
    actors = host.told("/api/v0/actors?limit=1000")["data"]["result"]["result"]
    [trials] = [row["actor_id"] for row in actors if row["class_name"] == "Trials"]
    return {
        "actors": Page("actors", "worker since trial_", 1400, 1100),
        "trials": Page(f"actors/{trials}", "trial_000", 1400, 900, opens="Tasks History"),
    }


def in_few_colours(path: Path) -> None:
    """Reduce the size of a PNG."""
    with Image.open(path) as picture:
        picture.convert("RGB").quantize(64, dither=Image.Dither.NONE).save(path, optimize=True)


if __name__ == "__main__":
    main()
