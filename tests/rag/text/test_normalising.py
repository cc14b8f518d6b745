from rag.text import embedded_text, normalise


def test_full_width_and_kangxi_become_ordinary():
    assert normalise("⽇常巡视（Ａ１）") == "日常巡视(A1)"


def test_invisible_characters_go_and_line_breaks_stay():
    assert normalise("油\u200b温\u00ad高\x00\n第二行\f第三页\t末") == "油温高\n第二行\f第三页\t末"


def test_case_is_kept():
    assert normalise("GB/T") == "GB/T"


def test_a_passage_is_embedded_after_its_title_and_section():
    text = embedded_text(title="运行规程", section="第一章 > 油温", text="不得超过85℃。")
    assert text == "运行规程\n第一章 > 油温\n不得超过85℃。"


def test_empty_parts_leave_no_line():
    assert embedded_text(title="  ", section="", text="正文") == "正文"
