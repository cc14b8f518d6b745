"""A new model is a new file; a wrong one is refused with the file and the key."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from inference.catalogue import CatalogueError, UnknownModelError, load_catalogue, models
from inference.catalogue.__main__ import main

Write = Callable[..., Path]


def test_a_file_dropped_into_a_second_folder_is_a_model(folder: Path, write: Write) -> None:
    write()

    catalogue = load_catalogue(folder)

    assert len(catalogue.entries) == len(models()) + 1
    house = catalogue.model("house-7b")
    assert house.purpose.zh == "以本单位手册微调。"
    assert house.counted is not None
    assert house.counted.total == 7_615_616_512
    assert "house" in catalogue.families()
    found = catalogue.find(name="/models/House-7B")
    assert found is not None
    assert found.entry is house


def test_the_packaged_catalogue_is_not_changed_by_it(folder: Path, write: Write) -> None:
    write()
    load_catalogue(folder)

    assert "house-7b" not in [each.id for each in models()]


@pytest.mark.parametrize(
    ("old", "new", "key", "says"),
    [
        ('name = "House 7B"', 'nmae = "House 7B"', "nmae", "not a known key"),
        ('name = "House 7B"', 'nmae = "House 7B"', "name", "missing"),
        ("layers = 28", "layers = 0", "architecture.layers", "greater than 0"),
        ("layers = 28", 'layers = "28"', "architecture.layers", "valid integer"),
        ("layers = 28", "layers = 28\ndepth = 3", "architecture.depth", "not a known key"),
        (
            "layers = 28",
            "layers = 28\nmtp_layers = 1",
            "architecture",
            "mtp_layers and mtp_source go together",
        ),
        (
            "kv_heads = 4",
            "kv_heads = 5",
            "architecture.attention",
            "heads (28) is no multiple of kv_heads (5)",
        ),
        (
            "kv_heads = 4",
            "kv_heads = 4\nq_lora_rank = 8",
            "architecture.attention.q_lora_rank",
            "not a known key",
        ),
        ('kind = "gqa"', 'kind = "mqa"', "architecture.attention", "'mla', 'gqa', 'encoder'"),
        (
            "[context]",
            "[architecture.encoder]\npositions = 512\ntoken_types = 1\nhead = 'pooler'\n\n[context]",
            "architecture",
            "encoder belongs",
        ),
        ('kind = "chat"', 'kind = "vision"', "kind", "'chat', 'embedding' or 'rerank'"),
        ('kind = "chat"', 'kind = "rerank"', "chat", "not for kind 'rerank'"),
        ('zh = "以本单位手册微调。"\n', "", "purpose.zh", "missing"),
        ('tokens = 32768\nsource = "card"', "tokens = 32768", "context.source", "missing"),
        (
            'tokens = 32768\nsource = "card"',
            'tokens = 32768\nsource = "crad"',
            "context.source",
            "there is no sources.crad",
        ),
        (
            "tokens = 32768",
            "tokens = 32768\npublished = 65536\npublished_source = 'card'",
            "context",
            "published (65536) is more than",
        ),
        ("tokens = 32768", "tokens = 32768\npublished = 16384", "context", "go together"),
        (
            "[sources.card]",
            "[sources.blog]\ntitle = 'x'\nurl = 'https://x.example'\n\n[sources.card]",
            "sources.blog",
            "no table refers to it",
        ),
        ('url = "https://models.example.org/house-7b"', "", "sources.card", "give one of url, at and here"),
        (
            'url = "https://models.example.org/house-7b"',
            'at = "house/models:card.md"',
            "sources.card.at",
            "match pattern",
        ),
        ('weights = "Apache-2.0"', 'weights = "Apache"', "licence", "'Apache' is not in licences.toml"),
        ("total = 7_600_000_000", "total = 70_000_000_000", "parameters.total", "70,000,000,000 is said"),
        ('precision = "bf16"', 'precision = "int3"', "weights[0].precision", "'q4_k_m'"),
        ('precision = "bf16"', 'precision = "q4_k_m"', "weights[0].bytes", "no rule gives the size"),
        (
            'precision = "bf16"',
            'precision = "bf16"\nbytes = 7_615_616_512',
            "weights[0].bytes",
            "bf16 of this architecture has 15,231,233,024",
        ),
        ('precision = "bf16"', 'precision = "bf16"\nmtp = true', "weights[0].mtp", "no mtp_layers"),
        (
            'precision = "bf16"',
            'precision = "bf16"\nneeds = ["fp8"]',
            "weights[0]",
            "needs and needs_source go together",
        ),
        ('thinking = "never"', 'thinking = "switchable"', "chat", "switch belongs to"),
        ('thinking = "never"', 'thinking = "never"\npreopened_think = true', "chat", "go together"),
        ('id = "house-7b"', 'id = "House 7B"', "id", "match pattern"),
    ],
)
def test_a_mistake_is_named_with_its_file_and_key(
    folder: Path, write: Write, old: str, new: str, key: str, says: str
) -> None:
    file = write((old, new))

    with pytest.raises(CatalogueError) as raised:
        load_catalogue(folder)

    told = [each for each in raised.value.problems if each.startswith(f"{file}: {key}: ")]
    assert told, raised.value.problems
    assert says in told[0]


def test_experts_that_cannot_be(folder: Path, write: Write) -> None:
    experts = "[architecture.experts]\nrouted = 8\nactive = {}\nshared = 1\nintermediate = 64\ndense_layers = {}\n\n[context]"
    for values, key, says in (
        ((9, 1), "architecture.experts", "active (9) is more than routed (8)"),
        ((2, 28), "architecture", "experts.dense_layers leaves none of the 28 layers"),
    ):
        file = write(("[context]", experts.format(*values)))
        with pytest.raises(CatalogueError) as raised:
            load_catalogue(folder)
        assert any(each.startswith(f"{file}: {key}: {says}") for each in raised.value.problems)


def test_all_problems_of_all_files_are_told_at_once(folder: Path, write: Write) -> None:
    first = write(("layers = 28", "layers = -1"), name="a.toml")
    second = write(('id = "house-7b"', 'id = "other"'), ("head_dim = 128", ""), name="b.toml")

    with pytest.raises(CatalogueError) as raised:
        load_catalogue(folder)

    assert {each.split(": ")[0] for each in raised.value.problems} == {str(first), str(second)}


def test_two_files_may_not_claim_one_id_or_one_name(folder: Path, write: Write) -> None:
    write(name="a.toml")
    second = write(name="b.toml")
    with pytest.raises(CatalogueError, match=f"{second}: id: 'house-7b' is also that of"):
        load_catalogue(folder)

    write(('id = "house-7b"', 'id = "other-7b"'), name="b.toml")
    with pytest.raises(CatalogueError, match=f"{second}: weights: 'house-7b' also leads to 'house-7b'"):
        load_catalogue(folder)


def test_what_is_not_toml_is_told(folder: Path) -> None:
    (folder / "broken.toml").write_text("id = ", "utf-8")
    (folder / "bytes.toml").write_bytes(b"\xff\xfe")

    with pytest.raises(CatalogueError) as raised:
        load_catalogue(folder)

    assert [each.split(": ")[1] for each in raised.value.problems] == ["not TOML", "not TOML"]


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(CatalogueError, match="no such folder"):
        load_catalogue(tmp_path / "nowhere")


def test_an_unknown_id_tells_those_there_are() -> None:
    with pytest.raises(UnknownModelError, match="deepseek-r1") as raised:
        load_catalogue().model("gpt-5")
    assert "deepseek-v3" in raised.value.known


def test_the_command_checks_a_folder(folder: Path, write: Write, capsys: pytest.CaptureFixture[str]) -> None:
    write()
    assert main(["check", str(folder)]) == 0
    assert f"{len(models()) + 1} models" in capsys.readouterr().out

    file = write(("layers = 28", "layers = 0"))
    assert main(["check", str(folder)]) == 1
    assert f"{file}: architecture.layers:" in capsys.readouterr().err
