"""The packaged accelerators, and what a wrong data file is told."""

from __future__ import annotations

from pathlib import Path

import pytest

from inference.accelerators import (
    AcceleratorEntry,
    UnknownAcceleratorError,
    accelerator,
    accelerators,
    load_accelerators,
)
from inference.accelerators.loading import CARDS_FOLDER
from inference.catalogue import CatalogueError

ASKED = {
    "h100-80",
    "h800-80",
    "h200",
    "h20-96",
    "h20-141",
    "b200",
    "a100-40",
    "a100-80",
    "a800-80",
    "l40s",
    "l20",
    "rtx-4090",
    "rtx-5090",
    "mi300x",
    "ascend-910b-64",
    "ascend-910b4-32",
    "ascend-a3",
}
SOUND = (CARDS_FOLDER / "h20-96.toml").read_text("utf-8").replace('id = "h20-96"', 'id = "house"')
every = pytest.mark.parametrize("entry", accelerators(), ids=lambda entry: entry.id)


def test_every_accelerator_is_there() -> None:
    assert {each.id for each in accelerators()} >= ASKED


@every
def test_a_file_is_named_after_its_accelerator(entry: AcceleratorEntry) -> None:
    assert (CARDS_FOLDER / f"{entry.id}.toml").is_file()


@every
def test_a_program_has_no_more_than_there_is(entry: AcceleratorEntry) -> None:
    """Vendors mean GiB for some cards and GB for others; both lie above what PyTorch sees."""
    assert 0.85 * entry.memory.nominal_gb < entry.memory.usable_gib < entry.memory.nominal_gb


@every
def test_peaks_are_dense(entry: AcceleratorEntry) -> None:
    """Eight bits are twice as fast as sixteen, four bits at most four times as fast as eight; a sparse peak would stand out."""
    peaks = entry.compute
    for eight in (peaks.fp8, peaks.int8):
        assert eight is None or 1.9 < eight / peaks.bf16 < 4.1
    assert peaks.fp4 is None or (peaks.fp8 is not None and 1.9 < peaks.fp4 / peaks.fp8 < 4.1)


@every
def test_features_agree_with_the_peaks_and_the_capability(entry: AcceleratorEntry) -> None:
    features = entry.features.has
    assert ("ascend" in features) == entry.is_ascend
    assert (entry.capability is not None) == (entry.vendor == "nvidia")
    if entry.compute.fp4 is not None:
        assert "fp4" in features
    if entry.capability is not None:
        assert ("fp8" in features) == (float(entry.capability.version) >= 8.9)


@pytest.mark.parametrize(
    ("accelerator_id", "bandwidth", "bf16", "eight", "link"),
    [
        ("h100-80", 3350, 989.4, 1978.9, 900),
        ("h800-80", 3350, 989, 1979, 400),
        ("h200", 4800, 989.4, 1978.9, 900),
        ("h20-96", 4000, 148, 296, 900),
        ("a100-80", 2039, 312, 624, 600),
        ("a800-80", 2039, 312, 624, 400),
        ("rtx-4090", 1008, 165.15, 330.3, 64),
        ("mi300x", 5300, 1307.4, 2614.9, 896),
        ("ascend-910b-64", 1759.2, 353.9, 752, 392),  # 1.6 TiB/s
    ],
)
def test_what_the_sources_say(
    accelerator_id: str, bandwidth: float, bf16: float, eight: float, link: float
) -> None:
    entry = accelerator(accelerator_id)
    assert entry.memory.bandwidth_gbs == bandwidth
    assert entry.compute.bf16 == bf16
    assert (entry.compute.fp8 or entry.compute.int8) == eight
    assert entry.interconnect.gbs == link


def test_an_unknown_one_names_those_there_are() -> None:
    with pytest.raises(UnknownAcceleratorError) as error:
        accelerator("h9000")
    assert "h200" in error.value.known
    assert "'h9000'" in str(error.value)


def test_a_file_dropped_into_a_second_folder_is_an_accelerator(tmp_path: Path) -> None:
    (tmp_path / "house.toml").write_text(SOUND, "utf-8")
    assert "house" in {each.id for each in load_accelerators(tmp_path)}
    assert "house" not in {each.id for each in accelerators()}


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("bf16 = 148.0", "bf16 = -1.0", "compute.bf16: Input should be greater than 0"),
        ("bf16 = 148.0", "bf61 = 148.0", "compute.bf61: not a known key"),
        ('source = "cuda"', 'source = "nobody"', "capability.source: there is no sources.nobody"),
        (
            'has = ["fp8", "int8", "int4"]',
            'has = ["fp9"]',
            "features.has[0]: Input should be 'fp8', 'fp4', 'int8', 'int4', 'ascend' or 'avx2'",
        ),
        ('id = "house"', 'id = "h200"', "id: 'h200' is there already"),
    ],
)
def test_a_wrong_file_is_refused_with_the_file_and_the_key(
    tmp_path: Path, old: str, new: str, told: str
) -> None:
    assert old in SOUND
    file = tmp_path / "house.toml"
    file.write_text(SOUND.replace(old, new), "utf-8")
    with pytest.raises(CatalogueError) as error:
        load_accelerators(tmp_path)
    assert f"{file}: {told}" in error.value.problems
