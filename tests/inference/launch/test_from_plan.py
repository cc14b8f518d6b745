"""Published deployments, from the planner to the file that starts them."""

import importlib.resources
import json
import subprocess
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from inference.launch import FORMS, Site, deployment_of
from inference.planner import PlanRequest, Workload, plan
from inference.vllm import LaunchError

GOLDEN = Path(__file__).with_name("golden")
H200 = PlanRequest("deepseek-r1", "h200", 8)
H800 = PlanRequest("deepseek-v3", "h800-80", 8, 2)
A100 = PlanRequest("deepseek-r1", "a100-80", 8)
RTX = PlanRequest("deepseek-r1-distill-qwen-7b", "rtx-4090", 1)
RTX_8 = PlanRequest("deepseek-r1-distill-qwen-7b", "rtx-4090", 8)
ASCEND = PlanRequest("deepseek-r1", "ascend-910b-64", 8, 2)
CASES = {
    "plan-h200-compose": (H200, "compose", "engine.yml"),
    "plan-h800-leader-worker-set": (H800, "leader-worker-set", "engine.yaml"),
    "plan-a100-helm": (A100, "helm", "values.yaml"),
    "plan-rtx-process": (RTX, "process", "engine.sh"),
    "plan-rtx-8-compose": (RTX_8, "compose", "engine.yml"),
    "plan-rtx-8-process": (RTX_8, "process", "engine.sh"),
    "plan-ascend-leader-worker-set": (ASCEND, "leader-worker-set", "engine.yaml"),
}


def written(request: PlanRequest, form: str, **site: Any) -> str:
    return FORMS[form].write(deployment=deployment_of(plan=plan(request=request), site=Site(**site)))


@pytest.mark.parametrize("name", CASES)
def test_what_is_written(name: str) -> None:
    request, form, file_name = CASES[name]
    golden = GOLDEN / f"{name}{Path(file_name).suffix}"
    assert written(request, form) == golden.read_text(encoding="utf-8")
    assert FORMS[form].file_name == file_name


@pytest.mark.parametrize("request_", [H200, H800, A100, RTX, RTX_8, ASCEND])
def test_every_flag_of_the_plan_is_there_as_it_is(request_: PlanRequest) -> None:
    answer = plan(request=request_)
    assert answer.launch is not None
    words = deployment_of(plan=answer, site=Site()).serve_arguments()
    for flag in answer.launch.flags:
        at = words.index(flag.name)
        assert flag.value is None or words[at + 1] == flag.value.replace(": ", ":")


def test_compose_obeys_the_specification() -> None:
    package = importlib.resources.files("check_jsonschema.builtin_schemas.vendor")
    schema = json.loads((package / "compose-spec.json").read_text(encoding="utf-8"))
    for request in (H200, RTX, RTX_8):
        jsonschema.validate(yaml.safe_load(written(request, "compose")), schema)


def test_engines_beside_each_other_have_cards_ports_and_addresses_of_their_own() -> None:
    services = yaml.safe_load(written(RTX_8, "compose"))["services"]
    cards = [
        service["deploy"]["resources"]["reservations"]["devices"][0]["device_ids"]
        for service in services.values()
    ]
    assert cards == [["0", "1", "2", "3"], ["4", "5", "6", "7"]]
    deployment = deployment_of(plan=plan(request=RTX_8), site=Site())
    assert FORMS["compose"].addresses(deployment) == [f"http://{name}:8000/v1" for name in services]
    assert FORMS["process"].addresses(deployment) == ["http://127.0.0.1:8000/v1", "http://127.0.0.1:8001/v1"]


@pytest.mark.parametrize(
    ("request_", "arguments", "cards", "port"), [(RTX, (), "", "8000"), (RTX_8, ("1",), "4,5,6,7", "8001")]
)
def test_the_script_runs_vllm_as_planned(
    request_: PlanRequest, arguments: tuple[str, ...], cards: str, port: str, tmp_path: Path
) -> None:
    script, stand_in = tmp_path / "engine.sh", tmp_path / "vllm"
    script.write_text(written(request_, "process", models="/data/my models"), encoding="utf-8")
    stand_in.write_text('#!/bin/sh\necho "$CUDA_VISIBLE_DEVICES"\nfor word in "$@"; do echo "$word"; done\n')
    stand_in.chmod(0o755)
    run = ["/bin/sh", str(script), *arguments]
    environment = {"PATH": f"{tmp_path}:/usr/bin:/bin", "VLLM_API_KEY": "k", "CUDA_VISIBLE_DEVICES": ""}
    found = subprocess.run(
        run, env=environment, capture_output=True, text=True, check=True
    ).stdout.splitlines()
    assert found[:3] == [cards, "serve", "/data/my models/DeepSeek-R1-Distill-Qwen-7B"]
    assert found[found.index("--port") + 1] == port
    assert found[found.index("--host") + 1] == "127.0.0.1"
    keyless = subprocess.run(
        run, env={"PATH": environment["PATH"]}, capture_output=True, text=True, check=False
    )
    assert keyless.returncode != 0
    assert "VLLM_API_KEY" in keyless.stderr


def test_the_site_has_the_last_word_on_its_own_paths() -> None:
    site = Site(
        models="claim",
        name="r1",
        model="dir/r1",
        image="registry/vllm:1",
        interface="bond0",
        cpus=8,
        memory_gib=99,
    )
    found = deployment_of(plan=plan(request=H800), site=site)
    assert (found.models, found.name, found.model, found.image) == (
        "claim",
        "r1",
        "dir/r1",
        "registry/vllm:1",
    )
    assert (found.interface, found.cpus, found.memory_gib, found.nodes, found.devices) == (
        "bond0",
        8,
        99,
        2,
        8,
    )
    assert (found.capacity, found.routes) == (16, ("chat", "auto"))


@pytest.mark.parametrize(
    ("request_", "form", "site", "code"),
    [
        (PlanRequest("deepseek-r1", "rtx-4090", 1), "process", {}, "plan_does_not_fit"),
        (PlanRequest("deepseek-r1", "mi300x", 8), "compose", {}, "accelerator_not_written"),
        (H800, "compose", {}, "form_needs_one_node"),
        (H800, "process", {}, "form_needs_one_node"),
        (ASCEND, "helm", {}, "form_needs_one_world"),
        (H200, "compose", {"name": "R1!"}, "deployment_invalid"),
        (H200, "compose", {"model": "../x"}, "deployment_invalid"),
        (H200, "compose", {"image": "vllm"}, "deployment_invalid"),
    ],
)
def test_what_cannot_be_started_so_is_refused(
    request_: PlanRequest, form: str, site: dict[str, str], code: str
) -> None:
    with pytest.raises(LaunchError) as refused:
        written(request_, form, **site)
    assert refused.value.code == code


def test_a_busier_plan_gives_a_larger_queue() -> None:
    busy = PlanRequest("deepseek-r1", "h200", 8, workload=Workload(concurrency=64))
    assert deployment_of(plan=plan(request=busy), site=Site()).capacity == 64
