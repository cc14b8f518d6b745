"""What stands in front of Gradio: who gets what, over real HTTP."""

import json
import re

import httpx
import pytest

from frontend.chat.gate import content_security_policy
from tests.frontend.chat.servers import Servers, ask, read, run

ASK = {"text": "年假有几天？快", "assistant": "hr", "submit": "s1"}


def test_without_a_session_the_page_leads_to_the_sign_in_and_back(servers: Servers) -> None:
    response = httpx.get(f"{servers.chat}/chat/?c=1&x=%2F", trust_env=False)
    assert response.status_code == 302
    assert response.headers["location"] == "/sign-in?next=/chat/%3Fc%3D1%26x%3D%252F"
    assert httpx.get(f"{servers.chat}/chat?c=1", trust_env=False).headers["location"] == "/chat/?c=1"


def test_the_page(servers: Servers) -> None:
    with servers.signed_in(**{"accept-language": "en"}) as client:
        response = client.get("/chat/")
        assert response.headers["cache-control"] == "no-store"
        assert '<html\n\tlang="en"' in response.text
        client.cookies.set("karez_language", "zh-hans")
        chinese = client.get("/chat/").text
        assert 'lang="zh-Hans"' in chinese
        assert "kt_" not in chinese
        # No address of others, in what a browser would load.
        assert set(re.findall(r'(?:src|href)="(https?:)?//', chinese)) == set()
        assert "raw.githubusercontent.com" not in chinese


def test_only_scripts_of_the_page_itself_run(servers: Servers) -> None:
    with servers.signed_in() as client:
        response, other = client.get("/chat/"), client.get("/chat/")
        policy = response.headers["content-security-policy"]
        (nonce,) = re.findall(r"script-src 'self' 'nonce-([\w-]{20,})';", policy)
        assert nonce not in other.text
        assert policy == content_security_policy(nonce=nonce)
        assert "unsafe-eval" not in policy
        assert re.search(r"script-src[^;]*unsafe", policy) is None
        scripts = re.findall(
            r"<script\b([^>]*)>", re.sub(r"(?s)(<script[^>]*>).*?(</script>)", r"\1\2", response.text)
        )
        assert len(scripts) > 4
        assert all(f'nonce="{nonce}"' in attributes for attributes in scripts)
        # In what is no page nothing is to run.
        assert client.get("/chat/healthz").headers["content-security-policy"] == content_security_policy()


def test_own_files_may_be_kept_for_ever_and_nothing_else_is_there(servers: Servers) -> None:
    with servers.signed_in() as client:
        address = re.search(r'src="(/chat/page/\w+/start\.js)"', client.get("/chat/").text)
        assert address
        script = client.get(address[1])
        assert (script.status_code, script.headers["cache-control"]) == (
            200,
            "public, max-age=31536000, immutable",
        )
        assert client.get("/chat/page/../texts.py").status_code == 404
        assert client.get(f"{address[1]}/../../../texts.py").status_code == 404
        katex = re.search(r'"js": "(/chat/assets/katex-[^"]+)"', client.get("/chat/").text)
        assert katex
        assert client.get(katex[1]).status_code == 200


def test_health_needs_no_session(servers: Servers) -> None:
    response = httpx.get(f"{servers.chat}/chat/healthz", trust_env=False)
    assert (response.status_code, response.json()) == (200, {"status": "ok"})


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/chat/config"),
        ("GET", "/chat/gradio_api/info"),
        ("GET", "/chat/gradio_api/file=/etc/passwd"),
        ("GET", "/chat/gradio_api/file/etc/passwd"),
        ("GET", "/chat/gradio_api/proxy=http://127.0.0.1/"),
        ("POST", "/chat/gradio_api/upload"),
        ("GET", "/chat/gradio_api/upload_progress?upload_id=1"),
        ("POST", "/chat/gradio_api/queue/join"),
        ("GET", "/chat/gradio_api/queue/data?session_hash=x"),
        ("GET", "/chat/gradio_api/queue/status"),
        ("GET", "/chat/gradio_api/heartbeat/x"),
        ("POST", "/chat/gradio_api/cancel"),
        ("POST", "/chat/gradio_api/reset"),
        ("POST", "/chat/gradio_api/component_server"),
        ("POST", "/chat/gradio_api/vibe-edit"),
        ("GET", "/chat/gradio_api/token"),
        ("GET", "/chat/gradio_api/user"),
        ("GET", "/chat/gradio_api/stream/a/b/1/playlist.m3u8"),
        ("GET", "/chat/monitoring"),
        ("POST", "/chat/login"),
        ("GET", "/chat/gradio_api/runs"),
        ("POST", "/chat/gradio_api/call/v2/ask"),
        ("POST", "/chat/gradio_api/run/ask"),
        ("POST", "/chat/gradio_api/call/boot"),
        ("GET", "/chat/gradio_api/run/boot"),
        ("GET", "/chat/manifest.json"),
        ("GET", "/chat/gradio_api/openapi.json"),
        ("GET", "/docs"),
        ("GET", "/"),
    ],
)
def test_everything_else_of_gradio_is_closed_to_everybody(servers: Servers, method: str, path: str) -> None:
    with servers.signed_in() as client:
        response = client.request(method, path, json={"session_hash": "x"} if method == "POST" else None)
        assert response.status_code == 404
        assert response.json()["error"]["code"] == "not_found"


@pytest.mark.parametrize("name", ["run/boot", "run/conversations", "call/ask"])
def test_calls_need_a_session(servers: Servers, name: str) -> None:
    url = f"{servers.chat}/chat/gradio_api/{name}"
    for cookies in ({}, {"sessionid": "made-up"}, {"sessionid": "x" * 999}):
        response = httpx.post(url, json={"data": [{}]}, cookies=cookies, trust_env=False)
        assert response.status_code == 401
        assert response.json()["error"]["code"] == "session_expired"
    assert servers.platform.users == {}


def test_a_stream_is_given_to_the_session_that_asked(servers: Servers) -> None:
    with servers.signed_in("li") as li, servers.signed_in("zhang") as zhang:
        body = {"data": [ASK], "session_hash": "hash-of-li"}
        event = li.post("/chat/gradio_api/call/ask", json=body).json()["event_id"]
        path = f"/chat/gradio_api/call/ask/{event}"
        assert zhang.get(path).status_code == 404
        # Nor by calling with the same hash: it is not passed on.
        other = zhang.post("/chat/gradio_api/call/watch", json={"data": [{}], "session_hash": "hash-of-li"})
        stolen = read(zhang, f"/chat/gradio_api/call/watch/{other.json()['event_id']}")
        assert [update["error"]["code"] for update in stolen] == ["invalid_request"]
        assert read(li, path)[-1]["message"]["text"] == "好的。"


def test_nobody_reaches_what_is_anothers(servers: Servers) -> None:
    with servers.signed_in("li") as li, servers.signed_in("zhang") as zhang:
        last = ask(li, "ask", **ASK)[-1]
        conversation, answer = last["conversation"], last["message"]["id"]
        before = json.dumps(servers.platform.user_named("li").conversations)
        assert ask(zhang, "watch", conversation=conversation) == [{"gone": True}]
        for name, payload in (
            ("conversation", {"id": conversation}),
            ("rename", {"id": conversation, "title": "x"}),
            ("remove", {"id": conversation}),
            ("feedback", {"answer": answer, "rating": "up"}),
            ("files", {"conversation": conversation}),
        ):
            result = run(zhang, name, **payload)
            assert result.get("error", {}).get("status") == 404 or result == {"files": []}, name
        assert run(zhang, "stop", conversation=conversation) == {"stopped": False}
        assert json.dumps(servers.platform.user_named("li").conversations) == before


def test_other_sites_cannot_call(servers: Servers) -> None:
    with servers.signed_in() as client:
        url = "/chat/gradio_api/run/boot"
        for headers, status in (
            ({"sec-fetch-site": "cross-site", "content-type": "application/json"}, 403),
            ({"sec-fetch-site": "same-site", "content-type": "application/json"}, 403),
            ({"content-type": "text/plain"}, 415),
            ({"content-type": "application/x-www-form-urlencoded"}, 415),
        ):
            response = client.post(url, content='{"data": [{}]}', headers=headers)
            assert response.status_code == status


@pytest.mark.parametrize("body", ["", "[]", "{", '{"data": []}', '{"data": ["x"]}', '{"data": {}}'])
def test_what_is_no_call_is_told_so(servers: Servers, body: str) -> None:
    with servers.signed_in() as client:
        headers = {"content-type": "application/json"}
        response = client.post("/chat/gradio_api/run/boot", content=body, headers=headers)
        assert (response.status_code, response.json()["error"]["code"]) == (400, "invalid_request")


def test_too_much_is_not_read(servers: Servers) -> None:
    with servers.signed_in() as client:
        response = client.post("/chat/gradio_api/run/boot", json={"data": [{"x": "x" * 300_000}]})
        assert response.status_code == 413


def test_while_the_platform_is_down_the_page_says_so(servers: Servers) -> None:
    servers.platform.failures["/session/token"] = {"status": 503}
    with servers.signed_in() as client:
        page = client.get("/chat/")
        assert page.status_code == 503
        assert "平台暂时没有响应" in page.text
        assert run(client, "boot")["error"]["code"] == "scripted"


def test_who_may_not_use_the_chat_is_told_and_not_led_in_a_circle(servers: Servers) -> None:
    servers.platform.failures["/session/token"] = {"status": 403, "code": "session_needed"}
    with servers.signed_in() as client:
        page = client.get("/chat/")
        assert page.status_code == 403
        assert "您还不能使用助手" in page.text
        response = client.post("/chat/gradio_api/run/boot", json={"data": [{}]})
        assert (response.status_code, response.json()["error"]["code"]) == (403, "session_needed")


def test_who_left_the_organisation_is_led_to_the_present_one(servers: Servers) -> None:
    servers.platform.failures["/session/token"] = {"status": 403, "code": "membership_ended"}
    with servers.signed_in() as client:
        page = client.get("/chat/", headers={"Accept-Language": "en"})
        assert page.status_code == 403
        assert "You are no longer a member of this organisation" in page.text
        assert 'href="/chat/"' in page.text
        assert "You may not use the assistants yet" not in page.text


def test_somebody_of_a_suspended_organisation_reads_so(servers: Servers) -> None:
    servers.platform.failures["/session/token"] = {"status": 403, "code": "tenant_suspended"}
    with servers.signed_in() as client:
        page = client.get("/chat/", headers={"Accept-Language": "en"})
        assert (page.status_code, "Your organisation is suspended" in page.text) == (403, True)
        assert "您所在的组织已被暂停" in client.get("/chat/", headers={"Accept-Language": "zh-CN"}).text
