"""Counting messages. The one statement that the roll-up and the reading of hours not yet rolled up share.

A message belongs to the hour in which its id was made, which for an answer is that in which it was begun. What was asked of no
assistant belongs to the key's department, and a person's to the department at the root.
"""

from collections import Counter
from collections.abc import Collection
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from django.db import connection

from controlplane.core.models import first_id
from controlplane.metering.figures import Counted, Figures, counters
from controlplane.metering.histogram import BOUNDS, counted

HOUR_MS = 3_600_000
# The first 48 bits of the id are milliseconds. (uuid_extract_timestamp knows version 7 from PostgreSQL 18 on.)
_HOUR = "('x' || left(replace({id}::text, '-', ''), 12))::bit(48)::bigint / 3600000"
# LIMIT 1 keeps the planner from reading all conversations to join the few of an hour.
# The message that follows a question is its answer, or the next question where none came. An answer that another took the
# place of was paid for all the same.
_COUNT = f"""
WITH said AS MATERIALIZED (
    SELECT m.id, m.conversation_id, m.role, m.status, m.reason, m.model, m.prompt_tokens, m.completion_tokens,
           m.first_token_ms, m.total_ms, c.assistant_id, {_HOUR.format(id="m.id")} AS hour,
           coalesce(c.department_id, a.department_id, k.department_id,
                    (SELECT d.id FROM tenants_department d WHERE d.tenant_id = %(tenant)s AND d.parent_id IS NULL)
           ) AS department_id
    FROM chat_message m
    CROSS JOIN LATERAL (
        SELECT n.actor, n.assistant_id, n.department_id FROM chat_conversation n
        WHERE n.tenant_id = %(tenant)s AND n.id = m.conversation_id LIMIT 1
    ) c
    LEFT JOIN assistants_assistant a ON a.tenant_id = m.tenant_id AND a.id = c.assistant_id
    LEFT JOIN identity_apikey k ON k.tenant_id = m.tenant_id AND 'key:' || k.id = c.actor
    WHERE m.tenant_id = %(tenant)s AND m.id >= %(first)s AND m.id < %(end)s
), asked AS (
    SELECT q.hour, q.department_id, q.assistant_id, coalesce(r.model, '') AS model, q.status,
           q.status = 'answered' AND r.id IS NOT NULL AND EXISTS (
               SELECT FROM chat_citation x WHERE x.tenant_id = %(tenant)s AND x.message_id = r.id
           ) AS cited,
           coalesce(nullif(q.reason, ''), 'unknown') AS reason
    FROM said q
    LEFT JOIN LATERAL (
        SELECT n.id, n.model, n.role FROM chat_message n
        WHERE n.tenant_id = %(tenant)s AND n.conversation_id = q.conversation_id AND n.id > q.id
          AND n.superseded_at IS NULL
        ORDER BY n.id LIMIT 1
    ) r ON r.role = 'answer'
    WHERE q.role = 'question'
), questions AS (
    SELECT hour, department_id, assistant_id, model, count(*) AS questions,
           count(*) FILTER (WHERE status = 'answered') AS answered, count(*) FILTER (WHERE cited) AS cited,
           count(*) FILTER (WHERE status = 'refused') AS refused,
           count(*) FILTER (WHERE status = 'stopped') AS stopped,
           count(*) FILTER (WHERE status = 'failed') AS failed,
           array_agg(reason) FILTER (WHERE status = 'refused') AS reasons
    FROM asked GROUP BY hour, department_id, assistant_id, model
), answers AS (
    SELECT hour, s.department_id, assistant_id, model,
           count(*) FILTER (WHERE f.rating = 'up') AS thumbs_up,
           count(*) FILTER (WHERE f.rating = 'down') AS thumbs_down,
           sum(prompt_tokens) AS prompt_tokens, sum(completion_tokens) AS completion_tokens,
           array_agg(width_bucket(first_token_ms, %(bounds)s::int[])) FILTER (WHERE first_token_ms IS NOT NULL)
               AS first_token,
           array_agg(width_bucket(total_ms, %(bounds)s::int[])) FILTER (WHERE total_ms IS NOT NULL) AS total
    FROM said s LEFT JOIN chat_feedback f ON f.tenant_id = %(tenant)s AND f.message_id = s.id
    WHERE role = 'answer' GROUP BY hour, s.department_id, assistant_id, model
)
SELECT coalesce(q.hour, a.hour), coalesce(q.department_id, a.department_id),
       coalesce(q.assistant_id, a.assistant_id), coalesce(q.model, a.model),
       coalesce(questions, 0), coalesce(answered, 0), coalesce(cited, 0), coalesce(refused, 0),
       coalesce(stopped, 0), coalesce(failed, 0),
       coalesce(thumbs_up, 0), coalesce(thumbs_down, 0),
       coalesce(prompt_tokens, 0), coalesce(completion_tokens, 0), reasons, first_token, total
FROM questions q FULL JOIN answers a
  ON a.hour = q.hour AND a.department_id = q.department_id AND a.model = q.model
 AND coalesce(a.assistant_id, a.department_id) = coalesce(q.assistant_id, q.department_id)
"""  # noqa: S608 - of constants


def count_messages(
    *, tenant_id: UUID, start: datetime, end: datetime, departments: Collection[UUID] | None = None
) -> list[Counted]:
    """What was asked and answered from `start` until before `end`. The scope must see all of the tenant's conversations."""
    with connection.cursor() as cursor:
        cursor.execute(
            _COUNT,
            {
                "tenant": tenant_id,
                "first": first_id(at=start),
                "end": first_id(at=end),
                "bounds": list(BOUNDS),
            },
        )
        rows = [_counted(row) for row in cursor.fetchall()]
    return rows if departments is None else [row for row in rows if row.department_id in departments]


def _counted(row: tuple[Any, ...]) -> Counted:
    hour, department_id, assistant_id, model, *counts, reasons, first_token, whole = row
    return Counted(
        datetime.fromtimestamp(hour * HOUR_MS / 1000, UTC),
        department_id,
        assistant_id,
        model,
        Figures(
            **counters(counts),
            refused_by_reason=dict(Counter(reasons or ())),
            first_token=counted(first_token or ()),
            total=counted(whole or ()),
        ),
    )
