"""What the page can do, through Gradio, over real HTTP."""

import asyncio
import time
import zlib
from typing import Any

import pytest

from frontend.chat import handlers
from tests.frontend.chat.servers import Servers, ask, run


def question(text: str, **more: object) -> dict[str, object]:
    return {"text": text, "assistant": "hr", "submit": f"s{zlib.crc32(text.encode())}", **more}


def test_the_beginning(servers: Servers) -> None:
    with servers.signed_in() as client:
        boot = run(client, "boot")
        assert boot["user"]["name"] == "李敏"
        assert boot["console"] is True
        assert [one["slug"] for one in boot["assistants"]] == ["hr", "finance"]
        assert boot["assistants"][0]["brand"]["logo"] == "/api/v1/departments/hr/logo"
        assert "kt_" not in str(boot)


def test_who_looks_after_a_department_is_not_offered_what_is_switched_off(servers: Servers) -> None:
    assistants = servers.platform.assistants
    servers.platform.assistants = [{**assistants[0], "enabled": False}, {**assistants[1], "enabled": True}]
    try:
        with servers.signed_in() as client:
            assert [one["slug"] for one in run(client, "boot")["assistants"]] == ["finance"]
    finally:
        servers.platform.assistants = assistants


def test_an_answer_comes_bit_by_bit_and_is_kept(servers: Servers) -> None:
    with servers.signed_in() as client:
        updates = ask(client, "ask", **question("年假有几天？"))
        assert updates[0]["phase"] in ("waiting", "reasoning")
        assert len(updates) > 5
        assert sum(len(update.get("reasoning", "")) for update in updates[:-1]) == len(
            updates[-1]["message"]["reasoning"]
        )
        last = updates[-1]
        assert (last["done"], last["status"]) == (True, "answered")
        assert [citation["index"] for citation in last["message"]["citations"]] == [1, 2]
        kept = run(client, "conversation", id=last["conversation"])
        assert [message["role"] for message in kept["messages"]] == ["question", "answer"]
        assert kept["messages"][1]["blocks"] == last["message"]["blocks"]
        assert kept["messages"][1]["id"] == last["message"]["id"]
        assert run(client, "conversations", query="年假")["conversations"][0]["title"] == "年假有几天？"


def test_only_what_is_new_is_sent(servers: Servers) -> None:
    with servers.signed_in() as client:
        updates = ask(client, "ask", **question("长"))
        sizes = [len(str(update)) for update in updates[:-1]]
        assert max(sizes) < len(str(updates[-1])) / 3


def test_the_same_submission_twice_is_one_question(servers: Servers) -> None:
    with servers.signed_in() as client:
        first = ask(client, "ask", **question("快"))[-1]
        again = ask(client, "ask", **question("快"))[-1]
        assert again["conversation"] == first["conversation"]
        (conversation,) = servers.platform.user_named("li").conversations.values()
        assert len(conversation["messages"]) == 2


def test_an_answer_goes_on_without_its_browser(servers: Servers) -> None:
    with servers.signed_in() as client:
        started = client.post("/chat/gradio_api/call/ask", json={"data": [question("年假有几天？")]})
        event = started.json()["event_id"]
        with client.stream("GET", f"/chat/gradio_api/call/ask/{event}") as response:
            next(response.iter_raw())
        (id_,) = servers.platform.user_named("li").conversations
        updates = ask(client, "watch", conversation=id_)
        assert updates[-1]["status"] == "answered"
        assert servers.platform.hung_up == 0


def test_stop_ends_it_at_the_platform(servers: Servers) -> None:
    with servers.signed_in() as client:
        started = client.post("/chat/gradio_api/call/ask", json={"data": [question("慢")]})
        assert started.status_code == 200
        deadline = time.monotonic() + 10
        while not servers.platform.users["li"].conversations and time.monotonic() < deadline:
            time.sleep(0.02)
        (id_,) = servers.platform.user_named("li").conversations
        time.sleep(0.6)
        assert run(client, "stop", conversation=id_) == {"stopped": True}
        assert ask(client, "watch", conversation=id_)[-1]["status"] == "stopped"
        while not servers.platform.hung_up and time.monotonic() < deadline:
            time.sleep(0.02)
        assert servers.platform.hung_up == 1


@pytest.mark.parametrize(
    ("text", "code", "status", "retry_after"),
    [
        ("引擎", "engine_unavailable", 503, 5),
        ("限流", "rate_limited", 429, 3),
        ("配额", "quota_exceeded", 429, 86400),
        ("中断", "stream_broken", 502, None),
        ("出错", "engine_unavailable", 503, None),
    ],
)
def test_what_went_wrong_is_told(
    servers: Servers, text: str, code: str, status: int, retry_after: float | None
) -> None:
    with servers.signed_in() as client:
        last = ask(client, "ask", **question(text))[-1]
        problem = last["problem"]
        assert (last["status"], problem["code"], problem["status"], problem["retry_after"]) == (
            "failed",
            code,
            status,
            retry_after,
        )
        assert last["conversation"]


def test_a_refusal_is_no_failure(servers: Servers) -> None:
    with servers.signed_in() as client:
        last = ask(client, "ask", **question("拒答"))[-1]
        assert (last["status"], last["problem"], last["message"]["reason"]) == (
            "refused",
            None,
            "nothing_found",
        )


def test_waiting_in_a_queue_is_told(servers: Servers) -> None:
    with servers.signed_in() as client:
        updates = ask(client, "ask", **question("排队"))
        positions = [update["queued"]["position"] for update in updates[:-1] if update.get("queued")]
        assert positions == sorted(positions, reverse=True)
        assert positions[0] == 3


def test_again_replaces_the_last_answer(servers: Servers) -> None:
    with servers.signed_in() as client:
        first = ask(client, "ask", **question("快"))[-1]
        again = ask(
            client, "ask", **question("", submit="again", conversation=first["conversation"], regenerate=True)
        )
        messages = run(client, "conversation", id=first["conversation"])["messages"]
        assert [message["id"] for message in messages if message["role"] == "answer"] == [
            again[-1]["message"]["id"]
        ]


def test_rename_remove_and_feedback(servers: Servers) -> None:
    with servers.signed_in() as client:
        last = ask(client, "ask", **question("快"))[-1]
        id_, answer = last["conversation"], last["message"]["id"]
        assert run(client, "rename", id=id_, title="<b>新</b>")["conversation"]["title"] == "<b>新</b>"
        run(client, "feedback", answer=answer, rating="down", reasons=["wrong", "no such"], comment="差")
        kept = run(client, "conversation", id=id_)["messages"][1]["feedback"]
        assert kept == {"rating": "down", "reasons": ["wrong"], "comment": "差"}
        run(client, "feedback", answer=answer, rating="")
        assert run(client, "conversation", id=id_)["messages"][1]["feedback"] is None
        assert run(client, "remove", id=id_) == {}
        assert run(client, "conversation", id=id_)["error"]["status"] == 404


@pytest.mark.parametrize(
    ("name", "payload"),
    [
        ("conversation", {"id": "../../x"}),
        ("conversation", {"id": 5}),
        ("conversation", {}),
        ("rename", {"id": "1", "title": ["x"]}),
        ("create", {"assistant": "a/b"}),
        ("source", {"document": "1", "chunk": "1"}),
        ("file_remove", {"conversation": "1", "file": "%2e%2e"}),
    ],
)
def test_what_the_page_never_sends_goes_nowhere(
    servers: Servers, name: str, payload: dict[str, object]
) -> None:
    with servers.signed_in() as client:
        run(client, "boot")
        seen = len(servers.platform.requests)
        assert run(client, name, **payload)["error"]["code"] == "invalid_request"
        assert len(servers.platform.requests) == seen


def test_too_long_a_question_is_not_sent(servers: Servers) -> None:
    with servers.signed_in() as client:
        assert ask(client, "ask", **question("x" * 20_001))[-1]["error"]["code"] == "too_long"
        assert servers.platform.user_named("li").conversations == {}


def test_a_token_is_renewed_before_it_ends(servers: Servers) -> None:
    servers.platform.token_seconds = 46.0
    with servers.signed_in() as client:
        run(client, "boot")
        tokens = len(servers.platform.tokens)
        time.sleep(1.2)
        run(client, "conversations")
        assert len(servers.platform.tokens) == tokens + 1


def test_a_token_that_the_platform_refuses_ends_the_session(servers: Servers) -> None:
    with servers.signed_in() as client:
        run(client, "boot")
        servers.platform.sessions.clear()
        servers.platform.tokens.clear()
        assert run(client, "conversations")["error"]["code"] == "session_expired"
        # And is not tried again.
        assert client.get("/chat/").status_code == 302


def test_one_person_has_so_many_answers_at_a_time(servers: Servers) -> None:
    with servers.signed_in() as client:
        for number in range(5):
            client.post("/chat/gradio_api/call/ask", json={"data": [question("慢", submit=f"n{number}")]})
        deadline = time.monotonic() + 10
        while len(servers.platform.user_named("li").conversations) < 5 and time.monotonic() < deadline:
            time.sleep(0.02)
        time.sleep(0.3)
        assert ask(client, "ask", **question("慢", submit="n9"))[-1]["error"]["code"] == "too_many_answers"
        for id_ in servers.platform.user_named("li").conversations:
            run(client, "stop", conversation=id_)


def test_a_platform_that_falters_signs_nobody_out(servers: Servers) -> None:
    servers.platform.token_seconds = 46.0  # to be renewed after a second, good for some more
    with servers.signed_in() as client:
        run(client, "boot")
        servers.platform.failures["/session/token"] = {"status": 503}
        time.sleep(1.2)
        assert "conversations" in run(client, "conversations")


def test_another_organisation_is_seen_by_the_next_page_and_refused_to_the_last_one(servers: Servers) -> None:
    with servers.signed_in() as client:
        before = run(client, "boot")["owner"]
        # The session is turned to it in the console; its cookie stays as it is.
        servers.platform.tenant = "t2"
        assert client.get("/chat/").status_code == 200
        after = run(client, "boot")["owner"]
        assert (before.split(":")[0], after.split(":")[0]) == ("t1", "t2")
        seen = len(servers.platform.requests)
        assert run(client, "conversations", owner=before)["error"]["code"] == "session_changed"
        assert ask(client, "ask", **question("快", owner=before))[-1]["error"]["code"] == "session_changed"
        assert len(servers.platform.requests) == seen
        assert "conversations" in run(client, "conversations", owner=after)


def test_a_conversation_is_set_beside_the_loop(servers: Servers, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a thread: while a long one is set, the answers of others go on."""
    on_the_loop: list[bool] = []
    views = handlers.message_views

    def noting(rows: Any) -> Any:
        try:
            asyncio.get_running_loop()
            on_the_loop.append(True)
        except RuntimeError:
            on_the_loop.append(False)
        return views(rows)

    monkeypatch.setattr(handlers, "message_views", noting)
    with servers.signed_in() as client:
        id_ = ask(client, "ask", **question("快"))[-1]["conversation"]
        assert len(run(client, "conversation", id=id_)["messages"]) == 2
    assert on_the_loop == [False]
