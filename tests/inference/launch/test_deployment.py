"""Descriptions of engines, read and refused."""

import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest

from inference.launch import read_deployment
from inference.launch.__main__ import main
from inference.vllm import LaunchError
from tests.inference.launch.cases import H200, H800

WRITTEN = asdict(H200)


def test_a_description_is_read() -> None:
    assert read_deployment(text=json.dumps(WRITTEN)) == H200


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"name": "R1"}, "name"),
        ({"served_name": ""}, "served_name"),
        ({"model": "/etc/passwd"}, "model"),
        ({"model": "../other"}, "model"),
        ({"image": "vllm/vllm-openai"}, "image"),
        ({"devices": 0}, "devices"),
        ({"replicas": 0}, "replicas"),
        ({"accelerator": "tpu"}, "accelerator"),
        ({"kind": "image"}, "kind"),
        ({"flags": {"host": "0.0.0.0"}}, "flags.host"),
        ({"flags": {"nnodes": 2}}, "flags.nnodes"),
        ({"flags": {"headless": True}}, "flags.headless"),
        ({"flags": {"tensor-parallel-size": "8"}}, "flags.tensor-parallel-size"),
        ({"flags": {"tensor-parallel-size": 4}}, "devices"),
        ({"environment": {"VLLM_API_KEY": "k"}}, "environment.VLLM_API_KEY"),
        ({"environment": {"A=B": "k"}}, "environment.A=B"),
    ],
)
def test_what_is_refused_names_its_field(change: dict[str, Any], field: str) -> None:
    with pytest.raises(LaunchError) as refusal:
        replace(H200, **change)
    assert refusal.value.field == field
    assert refusal.value.remedy


def test_ranks_that_do_not_divide_are_refused() -> None:
    with pytest.raises(LaunchError) as refusal:
        replace(H800, devices=3, flags={"tensor-parallel-size": 2, "data-parallel-size": 3})
    assert refusal.value.field == "flags.data-parallel-size"


@pytest.mark.parametrize(
    ("text", "field"),
    [
        ("{", "description"),
        ("[]", "description"),
        (json.dumps(WRITTEN | {"gpus": 8}), "gpus"),
        (json.dumps({k: v for k, v in WRITTEN.items() if k != "image"}), "image"),
        (json.dumps(WRITTEN | {"devices": "8"}), "devices"),
        (json.dumps(WRITTEN | {"devices": True}), "devices"),
        (json.dumps(WRITTEN | {"name": 8}), "name"),
        (json.dumps(WRITTEN | {"flags": []}), "flags"),
        (json.dumps(WRITTEN | {"environment": {"A": 1}}), "environment.A"),
    ],
)
def test_a_file_that_is_refused_names_its_field(text: str, field: str) -> None:
    with pytest.raises(LaunchError) as refusal:
        read_deployment(text=text)
    assert refusal.value.field == field


def test_the_command_writes_and_refuses(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "engine.json"
    file.write_text(json.dumps(WRITTEN), encoding="utf-8")
    assert main(["compose", str(file)]) == 0
    assert "engine-r1-0528:" in capsys.readouterr().out
    file.write_text(json.dumps(WRITTEN | {"nodes": 2, "devices": 4}), encoding="utf-8")
    assert main(["compose", str(file)]) == 1
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err == "nodes: Compose is one host. Use the LeaderWorkerSet or the Helm values.\n"
    assert main(["helm", str(tmp_path / "none.json")]) == 1
