"""Which settings may lie in files (KAREZ_…_FILE), and what a mistake there says."""

from pathlib import Path

import pytest
from pydantic import SecretStr, ValidationError

from controlplane.settings.env import Env, load_env, may_lie_in_a_file

IN_FILES = {
    "secret_key": "a-secret-key-of-forty-characters-in-all!",
    "database_url": "postgresql://karez_app:p@postgres/karez",
    "broker_url": "redis://:p@valkey:6379/0",
    "cache_url": "redis://:p@valkey:6379/1",
    "s3_access_key": "access",
    "s3_secret_key": "secret",
    "engine_api_key": "engine",
    "embedding_api_key": "embedding",
    "engines": '[{"name": "a", "url": "http://a/v1", "api_key": "k"}]',
}


@pytest.fixture
def secrets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Every secret in a file of its own; the variables themselves are not set."""
    for name, value in IN_FILES.items():
        (tmp_path / name).write_text(f"{value}\n")
        monkeypatch.delenv(f"KAREZ_{name.upper()}", raising=False)
        monkeypatch.setenv(f"KAREZ_{name.upper()}_FILE", str(tmp_path / name))
    return tmp_path


def test_every_secret_can_lie_in_a_file() -> None:
    fields = Env.model_fields.items()
    named = {name for name, field in fields if may_lie_in_a_file(name=name, field=field)}
    assert named >= set(IN_FILES)
    assert named == {name for name, field in fields if "SecretStr" in str(field.annotation)} | {"engines"}


def test_files_are_read(secrets: Path) -> None:
    env = load_env()
    for name, value in IN_FILES.items():
        held = getattr(env, name)
        assert (held.get_secret_value() if isinstance(held, SecretStr) else held) == value


def test_a_missing_file_is_named_with_its_variable(secrets: Path) -> None:
    (secrets / "database_url").unlink()
    with pytest.raises(ValidationError) as refused:
        load_env()
    said = f"KAREZ_DATABASE_URL_FILE: {secrets / 'database_url'} cannot be read: No such file or directory"
    assert said in str(refused.value)


def test_a_bad_content_is_judged_as_the_variable_is_and_never_shown(secrets: Path) -> None:
    (secrets / "secret_key").write_text("hush\n")
    with pytest.raises(ValidationError) as refused:
        load_env()
    assert "KAREZ_SECRET_KEY needs at least 32 characters" in str(refused.value)
    assert "hush" not in str(refused.value)


def test_a_file_for_what_is_no_secret_is_not_read(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "url").write_text("https://elsewhere.example")
    monkeypatch.setenv("KAREZ_BASE_URL_FILE", str(tmp_path / "url"))
    assert load_env().base_url != "https://elsewhere.example"
