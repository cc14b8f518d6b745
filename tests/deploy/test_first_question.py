"""The first question: what is asked, and what is shown of a stream."""

import json
import ssl
import subprocess
from pathlib import Path

import pytest

from deploy.embedded.first_question import (
    Citation,
    Department,
    NotAnswered,
    deltas,
    first_department,
    opening_question,
    pinned,
    read_citations,
    show_citations,
)


def test_the_first_department_is_asked_as_an_assistant() -> None:
    department = {"slug": "energy", "assistant": "energy", "api_key": "kz_1"}
    access = {"base_url": "http://127.0.0.1:1", "tenants": [{"slug": "demo", "departments": [department]}]}
    expected = Department(
        base_url="http://127.0.0.1:1", slug="energy", model="assistant:energy", api_key="kz_1"
    )
    assert first_department(access) == expected
    department["assistant"] = "assistant:energy"
    assert first_department(access) == expected
    assert "kz_1" not in repr(expected)


@pytest.mark.parametrize("access", [{}, {"tenants": []}, {"tenants": [{"departments": []}]}])
def test_without_a_department_there_is_nothing_to_ask(access: dict[str, object]) -> None:
    with pytest.raises(NotAnswered, match="no department"):
        first_department(access)


def test_the_question_may_be_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KAREZ_QUESTION", "今天星期几？")
    assert opening_question(slug="government") == "今天星期几？"


def test_a_stream_is_read_with_its_citations() -> None:
    cited = {"karez": {"index": 2, "page": 7}, "url_citation": {"title": "办法"}}
    lines = [
        ": comment",
        "data: " + json.dumps({"choices": [{"delta": {"content": "答"}}]}),
        "data: " + json.dumps({"choices": [], "usage": {}}),
        "data: " + json.dumps({"choices": [{"delta": {"annotations": [cited]}, "finish_reason": None}]}),
        "data: [DONE]",
    ]
    read = list(deltas(lines))
    assert read[0] == {"content": "答"}
    assert read_citations(read[1]["annotations"]) == [Citation(index=2, title="办法", page=7)]


def test_an_error_in_the_stream_is_no_answer() -> None:
    with pytest.raises(NotAnswered, match="engine is down"):
        list(deltas(['data: {"error": {"message": "engine is down"}}']))


def test_a_certificate_is_trusted_alone_and_under_any_name(tmp_path: Path) -> None:
    chain, key = tmp_path / "chain.pem", tmp_path / "key.pem"
    command = [
        "openssl",
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:prime256v1",
        "-nodes",
    ]
    subprocess.run(
        [*command, "-subj", "/CN=x", "-keyout", key, "-out", chain], check=True, capture_output=True
    )
    context = pinned(chain)
    assert isinstance(context, ssl.SSLContext)
    assert context.verify_mode == ssl.CERT_REQUIRED
    assert not context.check_hostname
    assert len(context.get_ca_certs()) <= 1
    assert pinned(None) is True


def test_citations_are_shown_once_each_in_order(capsys: pytest.CaptureFixture[str]) -> None:
    one, two = Citation(index=1, title="甲", page=None), Citation(index=2, title="乙", page=3)
    show_citations([two, one, two])
    assert capsys.readouterr().out == "\n[1] 甲\n[2] 乙, page 3\n"
