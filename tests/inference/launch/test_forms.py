"""What is written for each published deployment, word for word, and what must hold for all of it."""

import importlib.resources
import json
import shlex
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from inference.launch import EngineDeployment, compose_overlay, helm_values, leader_worker_set
from inference.launch.probe import probe_command
from inference.vllm import LaunchError
from tests.fakes.engine import Answer, FakeEngine
from tests.inference.launch.cases import ASCEND, ASCEND_HOST, EMBEDDING, H200, H800

GOLDEN = Path(__file__).with_name("golden")
CASES: dict[str, tuple[Callable[..., str], EngineDeployment]] = {
    "h200-compose": (compose_overlay, H200),
    "ascend-compose": (compose_overlay, ASCEND_HOST),
    "h200-helm": (helm_values, H200),
    "embedding-helm": (helm_values, EMBEDDING),
    "h800-ray": (helm_values, H800),
    "h800-leader-worker-set": (leader_worker_set, H800),
    "ascend-leader-worker-set": (leader_worker_set, ASCEND),
    "embedding-leader-worker-set": (leader_worker_set, EMBEDDING),
}


def parsed(name: str) -> list[Any]:
    form, deployment = CASES[name]
    return list(yaml.safe_load_all(form(deployment=deployment)))


@pytest.mark.parametrize("name", CASES)
def test_what_is_written(name: str) -> None:
    form, deployment = CASES[name]
    assert form(deployment=deployment) == (GOLDEN / f"{name}.yaml").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", CASES)
def test_what_is_read_again_is_written_the_same(name: str) -> None:
    """Nothing is lost on the way through YAML: no number that becomes a text, no text that becomes a number."""
    once = parsed(name)
    assert list(yaml.safe_load_all(yaml.safe_dump_all(once))) == once


def test_compose_obeys_the_specification() -> None:
    package = importlib.resources.files("check_jsonschema.builtin_schemas.vendor")
    schema = json.loads((package / "compose-spec.json").read_text(encoding="utf-8"))
    for name in ("h200-compose", "ascend-compose"):
        jsonschema.validate(parsed(name)[0], schema)


def test_compose_reserves_the_gpus_and_publishes_nothing() -> None:
    service = parsed("h200-compose")[0]["services"]["engine-r1-0528"]
    [device] = service["deploy"]["resources"]["reservations"]["devices"]
    assert device == {"driver": "nvidia", "count": 8, "capabilities": ["gpu"]}
    assert service["networks"] == ["models"]
    assert "ports" not in service
    assert service["cap_drop"] == ["ALL"]


def test_compose_keeps_dollars_of_ours_from_being_variables() -> None:
    deployment = replace(H200, flags={**H200.flags, "chat-template": "/models/a$b.jinja"})
    service = yaml.safe_load(compose_overlay(deployment=deployment))["services"]["engine-r1-0528"]
    assert service["command"][-1] == "/models/a$$b.jinja"


def test_an_ascend_host_gives_its_devices_and_its_driver() -> None:
    service = parsed("ascend-compose")[0]["services"]["engine-distill-32b"]
    assert service["devices"][:2] == ["/dev/davinci0:/dev/davinci0", "/dev/davinci1:/dev/davinci1"]
    assert "/dev/davinci2:/dev/davinci2" not in service["devices"]
    assert "/dev/hisi_hdc:/dev/hisi_hdc" in service["devices"]
    assert "/usr/local/Ascend/driver/lib64:/usr/local/Ascend/driver/lib64:ro" in service["volumes"]
    assert service["environment"]["HCCL_OP_EXPANSION_MODE"] == "AIV"
    assert "deploy" not in service


# The values that the chart's own schema names, with their types (vllm-project/production-stack, a6c01db of August 2026);
# it leaves room for others, and the last three are read by its templates without being in it.
MODEL_VALUES: dict[str, type | tuple[type, ...]] = {
    **dict.fromkeys(
        ("name", "repository", "tag", "modelURL", "requestMemory", "limitMemory", "shmSize"), str
    ),
    **dict.fromkeys(("replicaCount", "requestCPU"), int),
    "requestGPU": (int, float, str),
    "requestGPUType": str,
    "vllmConfig": dict,
    "raySpec": dict,
    **dict.fromkeys(("env", "extraVolumes", "extraVolumeMounts"), list),
}
CONFIG_VALUES: dict[str, type | tuple[type, ...]] = {
    **dict.fromkeys(("tensorParallelSize", "maxModelLen", "maxNumSeqs"), int),
    "gpuMemoryUtilization": (int, float, str),
    "dtype": str,
    "extraArgs": list,
    **dict.fromkeys(("enablePrefixCaching", "enableChunkedPrefill"), bool),
}
ENGINE_VALUES = {"runtimeClassName", "imagePullPolicy", "containerPort", "vllmApiKey", "modelSpec"}
ENGINE_VALUES |= {"startupProbe", "readinessProbe", "livenessProbe"}


@pytest.mark.parametrize("name", ["h200-helm", "embedding-helm", "h800-ray"])
def test_helm_values_are_those_of_the_chart(name: str) -> None:
    [values] = parsed(name)
    assert set(values) == {"servingEngineSpec", "routerSpec"}
    assert set(values["servingEngineSpec"]) == ENGINE_VALUES
    [model] = values["servingEngineSpec"]["modelSpec"]
    for given, known in ((model, MODEL_VALUES), (model["vllmConfig"], CONFIG_VALUES)):
        for key, value in given.items():
            assert isinstance(value, known[key]), key
            assert not isinstance(value, bool) or known[key] is bool


def test_helm_says_what_the_chart_would_switch_off() -> None:
    config = parsed("h200-helm")[0]["servingEngineSpec"]["modelSpec"][0]["vllmConfig"]
    assert config["enablePrefixCaching"] is True
    switched_off = replace(H200, flags={**H200.flags, "enable-prefix-caching": False})
    [values] = yaml.safe_load_all(helm_values(deployment=switched_off))
    assert values["servingEngineSpec"]["modelSpec"][0]["vllmConfig"]["enablePrefixCaching"] is False


def test_on_ray_the_head_is_one_of_the_nodes() -> None:
    [model] = parsed("h800-ray")[0]["servingEngineSpec"]["modelSpec"]
    assert model["replicaCount"] == 1
    assert model["raySpec"]["headNode"]["requestGPU"] == model["requestGPU"] == 8
    assert "--pipeline-parallel-size" in model["vllmConfig"]["extraArgs"]


def containers(name: str) -> tuple[dict[str, Any], dict[str, Any]]:
    _service, group = parsed(name)
    template = group["spec"]["leaderWorkerTemplate"]
    leader, worker = (
        template[each]["spec"]["containers"][0] for each in ("leaderTemplate", "workerTemplate")
    )
    return leader, worker


def test_the_nodes_of_one_world_know_their_places() -> None:
    leader, worker = containers("h800-leader-worker-set")
    place = ["--nnodes", "2", "--node-rank", "$(LWS_WORKER_INDEX)", "--master-addr", "$(LWS_LEADER_ADDRESS)"]
    assert leader["args"][-8:] == [*place, "--master-port", "29500"]
    assert worker["args"] == [*leader["args"], "--headless"]
    assert "readinessProbe" in leader
    assert "readinessProbe" not in worker
    assert leader["resources"]["limits"]["nvidia.com/gpu"] == "8"


def test_ranks_of_data_parallelism_are_spread_over_the_nodes() -> None:
    leader, worker = containers("ascend-leader-worker-set")
    place = ["--data-parallel-size-local", "2", "--data-parallel-address", "$(LWS_LEADER_ADDRESS)"]
    assert leader["args"][-6:] == [*place, "--data-parallel-rpc-port", "13389"]
    assert worker["args"] == [*leader["args"], "--headless"]
    assert leader["resources"]["limits"]["huawei.com/Ascend910"] == "8"
    variables = {each["name"]: each.get("value") for each in leader["env"]}
    assert variables["HCCL_SOCKET_IFNAME"] == "enp189s0f0"
    assert "HCCL_IF_IP" in variables


def test_a_followers_first_rank_is_calculated_by_its_shell() -> None:
    _leader, worker = containers("ascend-leader-worker-set")
    # The kubelet makes `$(` of `$$(`, and knows no variable for the rest.
    script = worker["command"][2].replace("$$(", "$(").replace("exec vllm serve", "echo")
    said = subprocess.run(
        ["/bin/sh", "-c", script, "vllm", "--headless"],
        env={"LWS_WORKER_INDEX": "1"},
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert shlex.split(said) == ["--headless", "--data-parallel-start-rank", "2"]


@pytest.mark.parametrize("name", CASES)
def test_no_key_is_in_what_is_written(name: str) -> None:
    form, deployment = CASES[name]
    text = form(deployment=deployment)
    assert "--api-key" not in text
    assert text.count("VLLM_API_KEY") >= (0 if "helm" in name or "ray" in name else 1)


@pytest.mark.parametrize("change", [{"nodes": 2, "devices": 4}, {"nodes": 2, "devices": 4, "replicas": 2}])
def test_compose_is_one_host(change: dict[str, int]) -> None:
    with pytest.raises(LaunchError) as refusal:
        compose_overlay(deployment=replace(H200, **change))
    assert (refusal.value.code, refusal.value.field) == ("form_needs_one_node", next(iter(change)))


@pytest.mark.parametrize(
    ("answer", "key", "status"),
    [(Answer(), "k", 0), (Answer(status=503), "k", 0), (Answer(status=500), "k", 1), (Answer(), "other", 1)],
)
def test_the_probe_asks_for_one_token(answer: Answer, key: str, status: int) -> None:
    with FakeEngine(answers=answer, models=("deepseek-r1",), api_key="k") as engine:
        python, option, script = probe_command(deployment=H200)
        script = script.replace("127.0.0.1:8000", f"127.0.0.1:{engine.port}")
        ran = subprocess.run(
            [sys.executable, option, script], env={"VLLM_API_KEY": key}, capture_output=True, timeout=60
        )
        assert (python, ran.returncode) == ("python3", status)
        assert engine.requests[0].body["max_tokens"] == 1
