"""A plan as text for a terminal, in the active language."""

import unicodedata
from collections.abc import Iterator, Sequence

from django.utils.translation import gettext as _

from controlplane.serving.plan_texts import note_text
from inference.planner import Candidate, CostSheet, Launch, Note, Plan

_GIB = 1024**3
_INDENT = "  "


def report(*, plan: Plan) -> Iterator[str]:
    """Lines, without their ends."""
    yield (
        f"{plan.entry.name} {plan.weights.precision} · "
        f"{plan.hardware.nodes} × {plan.hardware.cards_per_node} × {plan.hardware.accelerator.name}"
    )
    yield from _notes(plan.notes)
    if plan.chosen is not None:
        yield from _memory(plan.chosen)
        yield from _layout(plan.chosen)
        yield from _bounds(plan.chosen)
    if len(plan.candidates) > 1:
        yield from _candidates(plan.candidates)
    if plan.launch is not None:
        yield from _launch(plan.launch)
    yield from _instead(plan)
    if plan.costs is not None:
        yield from _costs(plan.costs)


def _notes(notes: Sequence[Note]) -> Iterator[str]:
    yield from (f"{_INDENT}- {note_text(note=note)}" for note in notes)


def _memory(chosen: Candidate) -> Iterator[str]:
    memory = chosen.memory
    yield from _heading(_("Memory of the fullest card, GiB"))
    yield from _table(
        (
            (_("Weights"), _gib(memory.weights)),
            (_("Activations"), _gib(memory.activations)),
            (_("Runtime"), _gib(memory.runtime)),
            (_("KV cache") if memory.kv >= 0 else _("Missing"), _gib(abs(memory.kv))),
            (_("Left to others"), _gib(memory.reserve)),
            (_("Usable memory"), _gib(memory.usable)),
        )
    )


def _layout(chosen: Candidate) -> Iterator[str]:
    kv = chosen.kv
    yield from _heading(_("Layout"))
    yield f"{_INDENT}{chosen.layout.label}"
    yield from _notes(chosen.reasons)
    yield from _heading(_("KV cache"))
    yield from _table(
        (
            (_("Bytes a token"), f"{kv.bytes_per_token:,}"),
            (_("Tokens in all"), f"{kv.tokens:,}"),
            (_("Requests at once, full context"), f"{kv.full_contexts:,}"),
            (_("Requests at once, average length"), f"{kv.typical_requests:,}"),
        )
    )


def _bounds(chosen: Candidate) -> Iterator[str]:
    yield from _heading(_("Upper bounds, which no engine reaches"))
    yield from _table(
        (
            (_("Output tokens/s, one request alone"), f"{chosen.decode.one_request:,.0f}"),
            (
                _("Output tokens/s, each of %(n)s requests") % {"n": chosen.decode.requests},
                f"{chosen.decode.per_request:,.0f}",
            ),
            (_("Output tokens/s in all"), f"{chosen.decode.total:,.0f}"),
            (_("Prompt tokens/s in all"), f"{chosen.prefill.total:,.0f}"),
            (_("Seconds to the first token, at least"), f"{chosen.prefill.first_token_seconds:.2f}"),
        )
    )


def _candidates(candidates: Sequence[Candidate]) -> Iterator[str]:
    yield from _heading(_("Layouts compared"))
    head = (_("Layout"), _("Fits"), _("Tokens in all"), _("Output tokens/s in all"))
    rows = (
        (
            each.layout.label,
            _("yes") if each.fits else _("no"),
            f"{each.kv.tokens:,}",
            f"{each.decode.total:,.0f}",
        )
        for each in candidates
    )
    yield from _table((head, *rows))


def _launch(launch: Launch) -> Iterator[str]:
    yield from _heading(_("Start vLLM (%(image)s)") % {"image": launch.image})
    for variable in launch.environment:
        yield f"{_INDENT}export {variable.name}={variable.value}    # {note_text(note=variable.reason)}"
    for command in launch.commands:
        yield ""
        yield _INDENT + _("Node %(node)s, engine %(engine)s:") % {
            "node": command.node + 1,
            "engine": command.engine + 1,
        }
        yield from (_INDENT * 2 + line for line in command.text.splitlines())
    yield from _heading(_("Why these flags"))
    yield from _table(tuple((flag.words, note_text(note=flag.reason)) for flag in launch.flags), right=False)


def _instead(plan: Plan) -> Iterator[str]:
    if plan.purchases:
        yield from _heading(_("The fewest of these cards that do"))
        for each in plan.purchases:
            said = _("carries the load") if each.carries else _("fits, without carrying the load")
            yield f"{_INDENT}- {each.nodes} × {each.cards_per_node} ({each.layout}): {said}"
    if plan.alternatives:
        yield from _heading(_("What these cards can serve instead"))
        for other in plan.alternatives:
            yield f"{_INDENT}- {other.model} {other.precision} ({other.layout})"


def _costs(sheet: CostSheet) -> Iterator[str]:
    yield from _heading(_("Costs of a month, %(currency)s") % {"currency": sheet.currency})
    yield from _table(
        (
            (_("Purchase or lease"), f"{sheet.own.capital:,}"),
            (_("Power"), f"{sheet.own.power:,}"),
            (_("Other running costs"), f"{sheet.own.running:,}"),
            (_("Own hardware in all"), f"{sheet.own.total:,}"),
            (_("API (%(model)s)") % {"model": sheet.api.model.name}, f"{sheet.api.total:,}"),
            (_("Break-even, requests a month"), f"{sheet.break_even_requests:,}"),
            (_("Break-even, date"), str(sheet.break_even_date or "–")),
        )
    )
    yield from _notes(sheet.notes)


def _heading(text: str) -> Iterator[str]:
    yield ""
    yield text


def _gib(size: int) -> str:
    return f"{size / _GIB:,.1f}"


def _table(rows: Sequence[Sequence[str]], *, right: bool = True) -> Iterator[str]:
    """Columns after the first stand to the right, as numbers do."""
    widths = [max(map(_width, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = [
            _padded(cell, width, right=right and place > 0)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        yield (_INDENT + "  ".join(cells)).rstrip()


def _padded(text: str, width: int, *, right: bool) -> str:
    spaces = " " * (width - _width(text))
    return spaces + text if right else text + spaces


def _width(text: str) -> int:
    """Columns of a terminal: Chinese characters take two."""
    return sum(2 if unicodedata.east_asian_width(letter) in "WF" else 1 for letter in text)
