"""`python -m deploy.database`: makes the roles, extensions and the database of Karez on a PostgreSQL server that runs.

The same statements as the embedded start's (`deploy.embedded.roles`); all may be repeated, and repeating them after a
password was changed changes it in the database. Three connection strings are read, each from a variable or a file:

    KAREZ_SUPERUSER_DATABASE_URL   who may make roles and extensions; used here and nowhere else
    KAREZ_OWNER_DATABASE_URL       what `migrate` will connect with, as karez_owner
    KAREZ_DATABASE_URL             what the platform will connect with, as karez_app
"""

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from deploy.embedded import roles
from inference.secret_files import SecretFileError, read_secret

SUPERUSER_VARIABLE = "KAREZ_SUPERUSER_DATABASE_URL"
OWNER_VARIABLE = "KAREZ_OWNER_DATABASE_URL"
APP_VARIABLE = "KAREZ_DATABASE_URL"
EXIT_FAILED, EXIT_USAGE = 1, 2


class UsageError(Exception):
    """Names the variable; never holds anything of its value."""


@dataclass(frozen=True, slots=True)
class RunningServer:
    """`conninfo` is the superuser's."""

    conninfo: str = field(repr=False)

    def url(self, *, user: str, password: str, database: str) -> str:
        return make_conninfo(self.conninfo, user=user, password=password, dbname=database)

    def superuser_url(self, database: str) -> str:
        return make_conninfo(self.conninfo, dbname=database)


def main(environment: Mapping[str, str]) -> int:
    """Exit status: 0 done, 1 the server refused or is not there, 2 the variables."""
    try:
        server = RunningServer(conninfo=_conninfo(SUPERUSER_VARIABLE, environment))
        owner = password(variable=OWNER_VARIABLE, user=roles.OWNER, environment=environment)
        app = password(variable=APP_VARIABLE, user=roles.APP, environment=environment)
        roles.apply(cluster=server, owner_password=owner, app_password=app)
    except (UsageError, SecretFileError) as error:
        sys.stderr.write(f"{error}\n")
        return EXIT_USAGE
    except psycopg.Error as error:
        sys.stderr.write(f"the database could not be prepared: {str(error).strip()}\n")
        return EXIT_FAILED
    sys.stdout.write(f"roles {roles.OWNER} and {roles.APP}, database {roles.DATABASE}: as they should be\n")
    return 0


def password(*, variable: str, user: str, environment: Mapping[str, str]) -> str:
    """Of a connection string that must be for this user and for our database."""
    parts = conninfo_to_dict(_conninfo(variable, environment))
    if parts.get("user") != user or parts.get("dbname") != roles.DATABASE:
        raise UsageError(f"{variable} must connect as {user} to the database {roles.DATABASE}")
    found = str(parts.get("password") or "")
    if not found:
        raise UsageError(f"{variable} has no password")
    return found


def _conninfo(variable: str, environment: Mapping[str, str]) -> str:
    value = read_secret(name=variable, environment=environment)
    if not value:
        raise UsageError(f"{variable} is not set, nor {variable}_FILE")
    try:
        conninfo_to_dict(value)
    except psycopg.ProgrammingError:
        raise UsageError(f"{variable} is no connection string of PostgreSQL") from None
    return value


if __name__ == "__main__":
    sys.exit(main(os.environ))
