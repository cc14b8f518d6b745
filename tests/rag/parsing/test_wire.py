"""What a child sends arrives as it was, in frames that the parent accepts."""

from rag.parsing import wire
from rag.parsing.document import Block, BlockKind, ParsedDocument


def received(document: ParsedDocument) -> ParsedDocument:
    reader = wire.FrameReader(max_bytes=2**31)
    blocks: list[Block] = []
    for part in wire.document_frames(document):
        for kind, content in reader.feed(part):
            if kind is wire.FrameKind.DONE:
                return wire.unpack_document(content, blocks)
            blocks += wire.unpack_blocks(content)
    raise AssertionError("no end")


def table(rows: int, cell: str) -> Block:
    cells = tuple((cell, str(row)) for row in range(rows))
    text = "\n".join("\t".join(row) for row in cells)
    return Block(BlockKind.TABLE, text, 1, None, ("第一章",), cells)


def test_a_document_comes_back_as_it_was() -> None:
    document = ParsedDocument("规程", (table(3, "主变"),), 1, ("一个警告",))
    assert received(document) == document


def test_large_tables_are_cut_into_frames_by_their_size() -> None:
    document = ParsedDocument("台账", tuple(table(1000, "变压器" * 100) for _ in range(100)), None, ())
    frames = list(wire.document_frames(document))
    assert max(map(len, frames)) < 8 * 1024 * 1024
    assert received(document) == document


def test_a_table_of_many_megabytes_travels_as_text() -> None:
    document = ParsedDocument(None, (table(1000, "长" * 9_000),), None, ())
    assert [block.text for block in received(document).blocks] == [document.blocks[0].text]
