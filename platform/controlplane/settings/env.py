"""Every environment variable the platform reads, typed, in one place.

A missing secret is an error at start, never a default; `load_env()` names each variable that is missing or malformed.
Every secret, and KAREZ_ENGINES, which may hold keys, can lie in a file instead: `KAREZ_SECRET_KEY_FILE=/run/secrets/…`.
"""

import ipaddress
import os
import re
from pathlib import Path
from typing import Annotated, Any, Literal, Self, get_args
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, field_validator, model_validator
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, NoDecode, PydanticBaseSettingsSource, SettingsConfigDict

from inference.secret_files import SUFFIX, read_secret

MIB = 1024 * 1024
SHORTEST_SECRET = 32
PREFIX = re.compile(r"(/[A-Za-z0-9_-][A-Za-z0-9._-]*)*")
VARIABLES = "KAREZ_"


class SecretFiles(PydanticBaseSettingsSource):
    """The values of KAREZ_…_FILE variables."""

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        name = VARIABLES + field_name.upper()
        if not os.environ.get(name + SUFFIX) or not may_lie_in_a_file(name=field_name, field=field):
            return None, field_name, False
        return read_secret(name=name, environment=os.environ), field_name, False

    def __call__(self) -> dict[str, Any]:
        fields = self.settings_cls.model_fields
        found = {name: self.get_field_value(field, name)[0] for name, field in fields.items()}
        return {name: value for name, value in found.items() if value is not None}


def may_lie_in_a_file(*, name: str, field: FieldInfo) -> bool:
    return name == "engines" or SecretStr in (field.annotation, *get_args(field.annotation))


class Env(BaseSettings):
    # Errors name the variable and never what it holds: most of these are secrets.
    # An empty variable is one that is not there: a compose file passes on what nobody has set.
    model_config = SettingsConfigDict(
        env_prefix=VARIABLES, extra="ignore", hide_input_in_errors=True, env_ignore_empty=True
    )

    secret_key: SecretStr = Field(description="signs sessions; at least 32 characters")
    session_idle_seconds: int = Field(
        default=12 * 3600, ge=60, description="a browser session that is not used ends after it"
    )
    database_url: SecretStr
    database_pool: int = Field(default=8, ge=0, description="connections per process; 0 turns pooling off")
    broker_url: SecretStr
    cache_url: SecretStr
    state_dir: Path = Path("var")
    base_url: str = "http://127.0.0.1:8000"
    url_prefix: str = Field(
        default="",
        description="the path below which everything is served, as /llm; proxies in front must not strip it",
    )
    static_dir: Path | None = Field(
        default=None, description="collected static files; by default a directory under state_dir"
    )
    # Nothing depends on the name that a request calls us by: links are made from base_url.
    allowed_hosts: list[str] = ["*"]
    trusted_proxies: Annotated[tuple[str, ...], NoDecode] = Field(
        default=(), description="addresses and networks whose X-Forwarded-For and -Proto are believed"
    )
    debug: bool = False
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"

    heartbeat_file: Path | None = Field(
        default=None, description="a worker touches it every few seconds while it hears the broker"
    )

    # Uploads: a directory under state_dir, or any S3-compatible store when a bucket is named.
    max_upload_bytes: int = Field(default=200 * MIB, gt=0)
    s3_bucket: str = ""
    s3_endpoint_url: str | None = None
    s3_access_key: SecretStr | None = None
    s3_secret_key: SecretStr | None = None
    s3_region: str | None = None
    s3_addressing_style: Literal["auto", "path", "virtual"] | None = Field(
        default=None,
        description="path where an endpoint is named, as most stores of one's own want, else auto",
    )
    s3_ca_bundle: Path | None = Field(
        default=None, description="certificates that the endpoint is checked against"
    )

    # Engines: a URL of an OpenAI-compatible server, several, or a JSON list (docs/engines.md).
    engines: str = ""
    engine_api_key: SecretStr = SecretStr("")
    engine_first_token_seconds: float = Field(default=120, gt=0)
    engine_idle_seconds: float = Field(default=60, gt=0)
    # Of an answer that is not streamed nothing is heard before its end.
    engine_whole_seconds: float = Field(default=1800, gt=0)
    engine_probe_seconds: float = Field(default=15, ge=1, description="between two requests of one token")
    engine_metrics_seconds: float = Field(
        default=2, ge=0.5, description="between two looks at what engines carry"
    )
    embedding_url: str
    embedding_api_key: SecretStr = SecretStr("")
    embedding_model: str = "use"

    # Bounds of the parsing child process.
    parse_seconds: float = Field(default=300, gt=0)
    parse_memory_bytes: int = Field(default=1024 * MIB, gt=0)

    # Files that people attach to a conversation.
    conversation_files: int = Field(default=10, ge=0, description="in one conversation")
    conversation_file_bytes: int = Field(default=20 * MIB, gt=0)

    # Pictures of pages, drawn by a child of the web process for whoever opens a source.
    page_seconds: float = Field(default=20, gt=0)
    page_renders: int = Field(default=2, ge=1, description="pages drawn at once by one web process")
    page_cache_bytes: int = Field(
        default=64 * MIB, ge=0, description="pictures of pages that one web process keeps in memory"
    )

    @field_validator("secret_key")
    @classmethod
    def _long_enough(cls, key: SecretStr) -> SecretStr:
        if len(key.get_secret_value()) < SHORTEST_SECRET:
            raise ValueError(
                f"KAREZ_SECRET_KEY needs at least {SHORTEST_SECRET} characters; "
                "make one with: python -c 'import secrets; print(secrets.token_urlsafe(48))'"
            )
        return key

    @field_validator("trusted_proxies", mode="before")
    @classmethod
    def _networks(cls, text: object) -> object:
        if not isinstance(text, str):
            return text
        try:
            return tuple(str(ipaddress.ip_network(word)) for word in text.replace(",", " ").split())
        except ValueError as error:
            raise ValueError(
                f"KAREZ_TRUSTED_PROXIES holds addresses and networks, as 10.0.0.9 10.1.0.0/24: {error}"
            ) from None

    @field_validator("url_prefix")
    @classmethod
    def _plain_segments(cls, prefix: str) -> str:
        if not PREFIX.fullmatch(prefix):
            raise ValueError(
                "KAREZ_URL_PREFIX is empty, or begins with a slash and ends without one, as /llm; "
                "between the slashes stand letters, digits and . _ -"
            )
        return prefix

    @model_validator(mode="after")
    def _one_prefix(self) -> Self:
        if urlsplit(self.base_url).path.rstrip("/") != self.url_prefix:
            raise ValueError(
                "KAREZ_BASE_URL must end with KAREZ_URL_PREFIX, and with no other path: "
                "links are made from the one and answered under the other"
            )
        return self

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return init_settings, SecretFiles(settings_cls), env_settings

    @property
    def files_dir(self) -> Path:
        return self.state_dir / "files"


def load_env() -> Env:
    """Raise pydantic's ValidationError, which names each missing or malformed variable, and file of a secret."""
    return Env.model_validate({})
