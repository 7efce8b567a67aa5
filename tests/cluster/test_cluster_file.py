"""cluster.yaml checked against Ray's schema and validators, and against our own requirements."""

from __future__ import annotations

import copy
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
FILE = yaml.safe_load((ROOT / "cluster.yaml").read_text(encoding="utf-8"))
MANIFEST = yaml.safe_load((ROOT / "docs" / "kuberay.yaml").read_text(encoding="utf-8"))

Config = dict[str, Any]


def locked(package: str) -> str:
    lines = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    [found] = re.findall(rf"^{package}==(\S+)", lines, flags=re.MULTILINE)
    return found


def prepared(config: Config) -> Config:
    """The file as Ray prepares it before contacting the cloud; raises what Ray raises."""
    from ray.autoscaler._private.util import prepare_config, validate_config

    complete = prepare_config(copy.deepcopy(config))
    validate_config(complete)
    return complete


def problems(config: Config) -> list[str]:
    """Every problem that Ray or our own checks find."""
    try:
        complete = prepared(config)
    except Exception as error:
        return [f"Ray: {str(error).splitlines()[0]}"]
    rules = (has_token_everywhere, head_runs_no_trials, versions_are_the_locks, is_closed, ends)
    return [rule.__name__ for rule in rules if not rule(complete)]


def starts(config: Config) -> list[str]:
    commands = [config["head_start_ray_commands"], config["worker_start_ray_commands"]]
    found = [line for lines in commands for line in lines if "ray start" in line]
    assert len(found) == 2
    return found


def has_token_everywhere(config: Config) -> bool:
    """Whether all start commands, the container and the mounted files have the token."""
    of_types = [
        command
        for node in config["available_node_types"].values()
        for key, commands in node.items()
        if key.endswith("start_ray_commands")
        for command in commands
    ]
    return (
        all(
            re.match(r"RAY_AUTH_MODE=token (RAY_\w+=\w+ )*ray start", line)
            for line in [*starts(config), *of_types]
        )
        and "--env RAY_AUTH_MODE=token" in config["docker"]["run_options"]
        and any(path.endswith("/.ray/auth_token") for path in config["file_mounts"])
    )


def head_runs_no_trials(config: Config) -> bool:
    head = config["available_node_types"][config["head_node_type"]]
    command = starts(config)[0].split()
    none = {"--num-cpus=0", "--num-gpus=0"}
    return head["resources"] == {"CPU": 0, "GPU": 0} and none <= set(command)


def versions_are_the_locks(config: Config) -> bool:
    images = [config["docker"]["head_image"], config["docker"]["worker_image"]]
    written = [c for c in config["worker_setup_commands"] if "tensorflow" in c]
    return (
        all(re.search(rf":{re.escape(locked('ray'))}-py311(-gpu)?$", image) for image in images)
        and len(written) == 1
        and f"=={locked('tensorflow')}'" in written[0]
        and any("requirements.lock" in c for c in config["setup_commands"])
        and "wheels" not in str(config)
    )


def is_closed(config: Config) -> bool:
    """Whether the dashboard listens on loopback, and nothing opens a port."""
    return "--dashboard-host=127.0.0.1" in starts(config)[0] and "0.0.0.0" not in str(config)


def ends(config: Config) -> bool:
    most = sum(node["max_workers"] for node in config["available_node_types"].values())
    return 0 < config["idle_timeout_minutes"] <= 30 and 0 < config["max_workers"] <= most


def test_it_is_sound():
    assert problems(FILE) == []


def test_there_are_workers_on_demand_and_on_spot():
    types = prepared(FILE)["available_node_types"]
    markets = {
        name: node["node_config"].get("InstanceMarketOptions", {}).get("MarketType", "on demand")
        for name, node in types.items()
        if name != FILE["head_node_type"]
    }
    assert sorted(markets.values()) == ["on demand", "spot"]
    assert all(types[name]["resources"]["GPU"] == 1 for name in markets)


def test_what_is_mounted_and_installed_is_there():
    for local in FILE["file_mounts"].values():
        assert local.startswith("~/.ray/") or (ROOT / local / "requirements.lock").is_file()


def _misspell(config: Config) -> None:
    config["idle_timeout_minuts"] = config.pop("idle_timeout_minutes")


def _too_many_at_once(config: Config) -> None:
    config["available_node_types"]["gpu_spot"]["min_workers"] = 9


def _head_that_is_not_there(config: Config) -> None:
    config["head_node_type"] = "boss"


def _half_a_gpu(config: Config) -> None:
    config["available_node_types"]["gpu_spot"]["resources"]["GPU"] = 0.5


def _no_image(config: Config) -> None:
    del config["docker"]["head_image"]


def _worker_without_token(config: Config) -> None:
    config["worker_start_ray_commands"][-1] = "ray start --address=$RAY_HEAD_IP:6379"


def _head_with_cpus(config: Config) -> None:
    command = config["head_start_ray_commands"]
    command[-1] = command[-1].replace("--num-cpus=0", "--num-cpus=4")


def _defaults_for_the_setup(config: Config) -> None:
    del config["setup_commands"]  # Ray's defaults install a nightly wheel


def _older_ray(config: Config) -> None:
    config["docker"]["worker_image"] = "rayproject/ray:2.9.0-py311-gpu"


def _defaults_for_the_head(config: Config) -> None:
    del config[
        "head_start_ray_commands"
    ]  # Ray's defaults let the dashboard listen on every address


def _never_idle(config: Config) -> None:
    config["idle_timeout_minutes"] = 100000


@pytest.mark.parametrize(
    ("damage", "found"),
    [
        (_misspell, "Ray: Additional properties are not allowed"),
        (_too_many_at_once, "Ray: The specified global `max_workers` is smaller"),
        (_head_that_is_not_there, "Ray: `head_node_type` must be one of"),
        (_half_a_gpu, "Ray: 0.5 is not of type 'integer'"),
        (_no_image, "Ray: Must provide a container & image name"),
        (_worker_without_token, "has_token_everywhere"),
        (_head_with_cpus, "head_runs_no_trials"),
        (_defaults_for_the_setup, "versions_are_the_locks"),
        (_older_ray, "versions_are_the_locks"),
        (_defaults_for_the_head, "is_closed"),
        (_never_idle, "ends"),
    ],
)
def test_damage_is_found(damage: Callable[[Config], None], found: str):
    config = copy.deepcopy(FILE)
    damage(config)
    assert any(problem.startswith(found) for problem in problems(config)), problems(config)


def test_the_manifest_of_kuberay_says_the_same():
    cluster = MANIFEST["spec"]["rayClusterSpec"]
    head, [workers] = cluster["headGroupSpec"], cluster["workerGroupSpecs"]
    assert (MANIFEST["apiVersion"], MANIFEST["kind"]) == ("ray.io/v1", "RayJob")
    assert cluster["rayVersion"] == locked("ray")
    assert cluster["authOptions"] == {"mode": "token"}
    assert head["rayStartParams"]["num-cpus"] == head["rayStartParams"]["num-gpus"] == "0"
    images = {
        container["image"]
        for group in (head, workers)
        for container in group["template"]["spec"]["containers"]
    }
    assert len(images) == 1
    assert f"ray{locked('ray')}-py311" in images.pop()
