"""Row-level security as migration operations.

`current_setting` stands in the policies bare, not in a sub-select: the planner then knows the tenant when it plans and can
tell a tenant of a thousand rows from one of a million. After a COMMIT the setting is an empty string, not NULL, hence nullif.
"""

from typing import Any

from django.db.migrations.operations import RunSQL

TENANT = "nullif(current_setting('app.tenant_id', true), '')::uuid"
USER = "nullif(current_setting('app.user_id', true), '')::uuid"
PLATFORM = "current_setting('app.platform', true) = 'on'"
KEY_HASH = "nullif(current_setting('app.key_hash', true), '')"
LOGIN_EMAIL = "nullif(current_setting('app.login_email', true), '')"
# Constant for the whole statement, so evaluated once in a sub-select instead of once per row.
UNRESTRICTED = "(SELECT current_setting('app.unrestricted', true) = 'on')"
ADMINISTERS = "(SELECT current_setting('app.administers', true) = 'on')"
ACTOR = "nullif(current_setting('app.actor', true), '')"

OWN_TENANT = f"tenant_id = {TENANT}"


def cleared_for(level: int, column: str = "department_id") -> str:
    """The departments whose documents of that secrecy the transaction may read."""
    return f"{column} = ANY ((SELECT nullif(current_setting('app.departments_{level}', true), '')::uuid[])::uuid[])"


_CLEARED = " OR ".join(f"(secrecy = {level} AND {cleared_for(level)})" for level in range(4))
READABLE = f"{OWN_TENANT} AND ({UNRESTRICTED} OR {_CLEARED})"
# Of what one actor brought along: whoever else may read the department, an administrator included, does not see it.
READABLE_TO_OWNER = (
    f"{OWN_TENANT} AND ({UNRESTRICTED} OR (({_CLEARED}) AND (owner = '' OR owner = (SELECT {ACTOR}))))"
)
OF_DEPARTMENT = f"{OWN_TENANT} AND ({UNRESTRICTED} OR {cleared_for(0)})"

# The departments that somebody belongs to, and all those above them.
BELONGS = "(SELECT nullif(current_setting('app.belongs', true), '')::uuid[])::uuid[]"

# Conversations and what belongs to them, as their reviewers see it: for SELECT alone.
_REVIEWS = "(SELECT nullif(current_setting('app.reviews', true), '')::uuid[])::uuid[]"
REVIEWED = f"{OWN_TENANT} AND department_id = ANY ({_REVIEWS})"

_Statement = str | tuple[str, dict[str, Any] | list[Any] | tuple[Any, ...] | tuple[()] | None]


def force_rls(table: str, policies: dict[str, str]) -> RunSQL:
    """Enable and force row-level security on `table` with `{policy name: clause}`; a clause is the text after `ON table`."""
    sql: list[_Statement] = [
        f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY",
        f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY",
    ]
    sql += [f"CREATE POLICY {name} ON {table} {clause}" for name, clause in policies.items()]
    undo: list[_Statement] = [f"DROP POLICY {name} ON {table}" for name in policies]
    undo += [
        f"ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY",
        f"ALTER TABLE {table} DISABLE ROW LEVEL SECURITY",
    ]
    return RunSQL(sql, undo)


def isolate(table: str, *, using: str = OWN_TENANT, check: str | None = None) -> RunSQL:
    """The ordinary case: rows of the transaction's tenant, and nothing else, for reading and writing."""
    return force_rls(table, {"tenant_isolation": f"USING ({using}) WITH CHECK ({check or using})"})


def same_tenant(
    table: str, column: str, parent: str, *, on_delete: str = "CASCADE", deferred: bool = True
) -> RunSQL:
    """A foreign key that includes the tenant.

    PostgreSQL checks foreign keys past row-level security, so a key on the id alone would let a tenant refer to, and so
    learn of, another tenant's rows. The model's field carries `db_constraint=False`; the parent has UNIQUE (tenant_id, id).
    """
    name = f"{table}_{column}_same_tenant"
    when = " DEFERRABLE INITIALLY DEFERRED" if deferred else ""
    return RunSQL(
        f"ALTER TABLE {table} ADD CONSTRAINT {name} FOREIGN KEY (tenant_id, {column}) "
        f"REFERENCES {parent} (tenant_id, id) ON DELETE {on_delete}{when}",
        f"ALTER TABLE {table} DROP CONSTRAINT {name}",
    )
