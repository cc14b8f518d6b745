"""Shared libraries that our packages expect of the system: those of a slim Debian, and what the image installs."""

import importlib.metadata
import re
import struct
from collections.abc import Iterator
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from tests.conftest import ROOT

# In debian:bookworm-slim: the C library's parts, the C++ library, and zlib, which dpkg itself needs.
SLIM = frozenset(
    {
        *(
            "ld-linux-x86-64.so.2",
            "libc.so.6",
            "libdl.so.2",
            "libm.so.6",
            "libpthread.so.0",
            "libresolv.so.2",
        ),
        *("librt.so.1", "libutil.so.1", "libgcc_s.so.1", "libstdc++.so.6", "libz.so.1"),
    }
)
# Library by Debian package.
INSTALLED = {"libgomp.so.1": "libgomp1"}
ELF64 = b"\x7fELF\x02"
PT_LOAD, PT_DYNAMIC, DT_NEEDED, DT_STRTAB = 1, 2, 1, 5


def needed(path: Path) -> Iterator[str]:
    """The libraries that a file of the kind ELF names as needed; nothing for any other."""
    with path.open("rb") as file:
        if file.read(5) != ELF64:
            return
    data = path.read_bytes()
    (table,) = struct.unpack_from("<Q", data, 32)
    size, count = struct.unpack_from("<HH", data, 54)
    headers = [struct.unpack_from("<IIQQQQQQ", data, table + size * n) for n in range(count)]
    loaded = [
        (address, offset, length) for kind, _, offset, address, _, length, *_ in headers if kind == PT_LOAD
    ]
    for kind, _, offset, _, _, length, *_ in headers:
        if kind == PT_DYNAMIC:
            entries = list(struct.iter_unpack("<QQ", data[offset : offset + length // 16 * 16]))
            names = next(value for tag, value in entries if tag == DT_STRTAB)
            start = next(names - at + off for at, off, long in loaded if at <= names < at + long)
            for value in (value for tag, value in entries if tag == DT_NEEDED):
                yield data[start + value : data.index(b"\0", start + value)].decode()


def files_of(requirements: str) -> Iterator[Path]:
    """Of every package that a locked file names and that is installed here."""
    for line in (ROOT / "requirements" / requirements).read_text().splitlines():
        if line.strip() and not line.startswith(("#", "-")):
            try:
                found = importlib.metadata.files(Requirement(line.partition("\\")[0].strip()).name)
            except importlib.metadata.PackageNotFoundError:
                continue
            yield from (Path(str(file.locate())) for file in found or ())


@pytest.mark.parametrize("requirements", ["base.txt", "models.txt", "chat.txt"])
def test_packages_need_no_library_that_the_image_lacks(requirements: str) -> None:
    files = [path for path in files_of(requirements) if ".so" in path.name and path.is_file()]
    assert files
    own = {path.name for path in files}
    lacking = {name for path in files for name in needed(path)} - own - SLIM
    assert lacking == ({"libgomp.so.1"} if requirements == "models.txt" else set())


def test_the_image_and_the_offline_directory_bring_what_is_lacking() -> None:
    dockerfile = (ROOT / "deploy/images/platform/Dockerfile").read_text()
    installed = set(re.findall(r"--no-install-recommends (.*);", dockerfile)[0].split())
    assert installed == {*INSTALLED.values(), "fonts-noto-cjk"}
    for document in ("docs/compose.md", "docs/compose.zh-CN.md"):
        [carried] = re.findall(r"apt-get download ([^)]*)\)", (ROOT / document).read_text())
        assert installed <= set(carried.split()), document
