"""Notes of requests on the disk: whole after a kill, once after two readings, held where the disk is full."""

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from controlplane.metering.journal import (
    Journal,
    JournalFull,
    JournalReader,
    abandoned_slots,
    journals,
    slots,
    writer,
)
from controlplane.metering.journal.slots import NOT_YET, Counters

PLATFORM = Path(__file__).resolve().parents[3] / "platform"

# A process that admits three requests, counts two of them on, settles one, and waits to be killed.
KILLED = """
import sys, time
from pathlib import Path
from controlplane.metering.journal import Journal
from controlplane.metering.journal.slots import Counters
journal = Journal(directory=Path(sys.argv[1]))
first, second, third = (journal.admit({"id": name}) for name in ("a", "b", "中"))
first.count(Counters(7, 4, 3, 1, 3, 250))
first.settle({"outcome": "given"})
second.count(Counters(pieces=5))
third.count(Counters(9, 0, 2, 0, 2, 31))
print("ready", flush=True)
time.sleep(60)
"""


def killed(directory: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", KILLED, str(directory)],
        stdout=subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": str(PLATFORM)},
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"ready\n"
    process.send_signal(signal.SIGKILL)
    process.wait()


def entries(reader: JournalReader, most: int = 100) -> list[Any]:
    part = reader.read(most=most)
    return list(part.entries) if part else []


def test_what_is_settled_is_read_and_its_slot_used_again(tmp_path: Path) -> None:
    journal = Journal(directory=tmp_path)
    for number in range(slots.SLOTS + 5):
        journal.admit({"id": number}).settle({"outcome": "given"})
    [path] = journals(directory=tmp_path)
    assert path == journal.path
    assert [entry["id"] for entry in entries(JournalReader(path=path), 1000)] == list(range(slots.SLOTS + 5))
    assert list(abandoned_slots(path=path)) == []
    assert len(list(path.glob("active-*"))) == 1
    journal.close()


def test_more_requests_at_once_than_one_file_holds(tmp_path: Path) -> None:
    journal = Journal(directory=tmp_path)
    admitted = [journal.admit({"id": number}) for number in range(slots.SLOTS * 2 + 1)]
    for slot in admitted[::2]:
        slot.settle({})
    under_way = sorted(note["id"] for note, _counters in abandoned_slots(path=journal.path))
    assert under_way == list(range(1, slots.SLOTS * 2 + 1, 2))
    journal.close()


def test_after_a_kill_everything_is_there_as_far_as_it_had_come(tmp_path: Path) -> None:
    killed(tmp_path)
    [path] = journals(directory=tmp_path)
    reader = JournalReader(path=path)
    assert reader.is_abandoned()
    assert entries(reader) == [{"id": "a", "outcome": "given"}]
    assert sorted(abandoned_slots(path=path), key=lambda found: found[0]["id"]) == [
        ({"id": "b"}, Counters(pieces=5, first_token_ms=NOT_YET)),
        ({"id": "中"}, Counters(9, 0, 2, 0, 2, 31)),
    ]
    reader.remove()
    assert journals(directory=tmp_path) == []


def test_a_living_process_is_not_taken_for_a_dead_one(tmp_path: Path) -> None:
    own = Journal(directory=tmp_path)
    assert not JournalReader(path=own.path).is_abandoned()
    own.close()
    script = KILLED.replace("time.sleep(60)", "sys.stdin.read()")
    with subprocess.Popen(
        [sys.executable, "-c", script, str(tmp_path / "other")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": str(PLATFORM)},
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        [path] = journals(directory=tmp_path / "other")
        assert not JournalReader(path=path).is_abandoned()
        process.kill()
    assert JournalReader(path=path).is_abandoned()


def test_one_that_is_just_being_made_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / ".1-new").mkdir()
    (tmp_path / ".1-new" / "lock").touch()
    assert journals(directory=tmp_path) == []
    assert journals(directory=tmp_path / "nowhere") == []


def test_reading_goes_on_where_it_was_safe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer, "_SEGMENT_BYTES", 40)
    journal = Journal(directory=tmp_path)
    for number in range(9):
        journal.append({"id": number, "padding": "x"})
    assert len(list(journal.path.glob("*.jsonl"))) > 3
    reader = JournalReader(path=journal.path)
    first = reader.read(most=1)
    assert first is not None
    assert [entry["id"] for entry in first.entries] == [0]
    again = JournalReader(path=journal.path).read(most=1)
    assert again == first
    reader.done(first)
    seen = [0]
    reader = JournalReader(path=journal.path)
    while part := reader.read(most=2):
        seen += [entry["id"] for entry in part.entries]
        reader.done(part)
        reader = JournalReader(path=journal.path)
    assert seen == list(range(9))
    assert len(list(journal.path.glob("*.jsonl"))) == 1
    journal.append({"id": 9, "padding": "x"})
    assert [entry["id"] for entry in entries(reader)] == [9]
    journal.close()


def test_half_a_line_is_none(tmp_path: Path) -> None:
    journal = Journal(directory=tmp_path)
    journal.append({"id": 1})
    with next(journal.path.glob("*.jsonl")).open("ab") as file:
        file.write(b'{"id": 2')
    assert entries(JournalReader(path=journal.path)) == [{"id": 1}]
    journal.close()


class FullDisk:
    """`os.write` that takes a few bytes, or none."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.room: int | None = 0
        real = os.write

        def write(descriptor: int, data: bytes) -> int:
            if self.room is None:
                return real(descriptor, data)
            if self.room == 0:
                raise OSError(28, "No space left on device")
            return real(descriptor, data[: self.room])

        monkeypatch.setattr(writer.os, "write", write)


def test_what_a_full_disk_does_not_take_is_held_in_its_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal, disk = Journal(directory=tmp_path), FullDisk(monkeypatch)
    journal.append({"id": 1})
    disk.room = 4
    journal.append({"id": 2})
    assert entries(JournalReader(path=journal.path)) == []
    disk.room = None
    journal.append({"id": 3})
    journal.admit({"id": 4}).settle({})
    assert [entry["id"] for entry in entries(JournalReader(path=journal.path))] == [1, 2, 3, 4]
    journal.close()


def test_nothing_is_let_in_that_could_not_be_noted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    journal, disk = Journal(directory=tmp_path), FullDisk(monkeypatch)
    monkeypatch.setattr(writer, "_MOST_HELD", 3)
    for number in range(3):
        journal.append({"id": number})
    with pytest.raises(JournalFull):
        journal.admit({"id": 3})
    disk.room = None
    journal.admit({"id": 3}).settle({})
    assert [entry["id"] for entry in entries(JournalReader(path=journal.path))] == [0, 1, 2, 3]
    journal.close()


def test_without_room_for_slots_nothing_is_let_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    journal = Journal(directory=tmp_path)
    monkeypatch.setattr(slots.os, "posix_fallocate", full)
    with pytest.raises(JournalFull):
        journal.admit({"id": 1})
    journal.close()


def test_an_admission_that_fits_no_slot_is_refused(tmp_path: Path) -> None:
    journal = Journal(directory=tmp_path)
    with pytest.raises(ValueError, match="bytes"):
        journal.admit({"id": "x" * slots.SLOT_BYTES})
    journal.close()
