"""Secrets from files: what is read, and that no message holds any of it."""

from pathlib import Path

import pytest

from inference.secret_files import LARGEST_BYTES, SecretFileError, read_secret

NAME = "KAREZ_ENGINE_API_KEY"
VARIABLE = f"{NAME}_FILE"


def _file(directory: Path, content: bytes) -> Path:
    path = directory / "engine_api_key"
    path.write_bytes(content)
    return path


@pytest.mark.parametrize(
    ("content", "secret"),
    [
        (b"k-1", "k-1"),
        (b"k-1\n", "k-1"),
        (b"k-1\r\n", "k-1"),
        (b" k-1 \n\n", " k-1 \n"),
        ("密钥\n".encode(), "密钥"),
    ],
)
def test_the_files_content_is_the_secret_without_one_line_end(
    tmp_path: Path, content: bytes, secret: str
) -> None:
    assert read_secret(name=NAME, environment={VARIABLE: str(_file(tmp_path, content))}) == secret


def test_without_a_file_the_variable_itself_counts() -> None:
    assert read_secret(name=NAME, environment={NAME: "k-1"}) == "k-1"
    assert read_secret(name=NAME, environment={NAME: "", VARIABLE: ""}) == ""
    assert read_secret(name=NAME, environment={}) is None


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "is empty"),
        (b" \n", "is empty"),
        (b"hush\xff", "is not UTF-8 text"),
        (b"hush\0", "is not text"),
        (b"hush" * LARGEST_BYTES, "is longer than any secret (65536 bytes)"),
    ],
)
def test_what_cannot_be_a_secret_is_refused_without_being_quoted(
    tmp_path: Path, content: bytes, reason: str
) -> None:
    path = _file(tmp_path, content)
    with pytest.raises(SecretFileError) as refused:
        read_secret(name=NAME, environment={VARIABLE: str(path)})
    assert str(refused.value) == f"{VARIABLE}: {path} {reason}"


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    for path, reason in ((tmp_path / "absent", "No such file or directory"), (tmp_path, "Is a directory")):
        with pytest.raises(SecretFileError) as refused:
            read_secret(name=NAME, environment={VARIABLE: str(path)})
        assert str(refused.value) == f"{VARIABLE}: {path} cannot be read: {reason}"


def test_two_sources_of_one_secret_are_refused_instead_of_one_being_chosen(tmp_path: Path) -> None:
    path = _file(tmp_path, b"hush-file")
    with pytest.raises(SecretFileError) as refused:
        read_secret(name=NAME, environment={NAME: "hush-variable", VARIABLE: str(path)})
    assert str(refused.value) == f"{NAME} and {VARIABLE} are both set; keep one of them"
