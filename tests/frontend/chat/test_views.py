from frontend.chat.views import assistant_view, citation_views, file_view, message_view, passage_views


def test_an_assistant_without_a_brand_has_a_name_and_colours() -> None:
    view = assistant_view({"slug": "hr", "name": "", "opening_questions": None})
    assert (view["name"], view["questions"], view["brand"]["logo"]) == ("hr", [], "")
    assert view["brand"]["colors"]["light"]["accent"].startswith("#")


def test_a_logo_is_asked_for_at_this_address() -> None:
    def logo(url: str | None) -> str:
        return str(assistant_view({"slug": "hr", "brand": {"logo_url": url}})["brand"]["logo"])

    assert logo("/llm/api/v1/departments/hr/logo") == "/llm/api/v1/departments/hr/logo"
    assert logo("https://karez.example/api/v1/departments/hr/logo?v=1") == "/api/v1/departments/hr/logo?v=1"
    assert logo("//evil.example/x.png") == ""
    assert logo("javascript:alert(1)") == ""
    assert logo(None) == ""


def test_a_citation_is_listed_once_by_its_number() -> None:
    rows = [{"index": 2, "title": "乙"}, {"index": 1, "title": "甲"}, {"index": 2, "title": "乙"}]
    assert [(row["index"], row["title"]) for row in citation_views(rows)] == [(1, "甲"), (2, "乙")]


def test_an_answer_marks_only_what_it_cites() -> None:
    view = message_view(
        {"role": "answer", "status": "answered", "content": "甲[1] 乙[2]", "citations": [{"index": 1}]}
    )
    assert view["blocks"][0].count("data-cite") == 1
    assert view["feedback"] is None


def test_an_answer_that_was_cut_off_shows_no_halves() -> None:
    row = {"role": "answer", "content": "甲[1]。`a[2]`\n\n| 年限 | 天数 |\n|--", "citations": []}
    whole = message_view({**row, "status": "answered"})
    assert whole["blocks"] == ["<p>甲[1]。<code>a[2]</code></p>\n", "<p>| 年限 | 天数 |<br />\n|--</p>\n"]
    for status in ("stopped", "failed"):
        assert message_view({**row, "status": status})["blocks"] == ["<p>甲。<code>a[2]</code></p>\n"]


def test_feedback_of_unknown_kinds_is_none() -> None:
    row = {"role": "answer", "status": "answered", "feedback": {"rating": "sideways"}}
    assert message_view(row)["feedback"] is None
    row["feedback"] = {"rating": "down", "reasons": ["wrong", "x"], "comment": None}
    assert message_view(row)["feedback"] == {"rating": "down", "reasons": ["wrong"], "comment": ""}


def test_passages_stand_in_their_order() -> None:
    rows = [{"ordinal": 2, "chunk_id": 8, "text": "b"}, {"ordinal": 1, "chunk_id": 7, "text": "a"}]
    assert [(row["text"], row["cited"]) for row in passage_views(rows, chunk_id=7)] == [
        ("a", True),
        ("b", False),
    ]


def test_a_file_that_failed_says_why() -> None:
    assert file_view({"id": "1", "status": "failed", "error": {"message": "坏了"}})["error"] == "坏了"
