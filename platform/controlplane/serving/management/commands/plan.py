import json
from argparse import ArgumentParser
from collections.abc import Iterator, Mapping
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import translation
from rest_framework.renderers import JSONRenderer

from controlplane.core.problems import InvalidInput
from controlplane.serving.launching import launch_file
from controlplane.serving.plan_report import report
from controlplane.serving.plan_serializers import (
    CostInputsSerializer,
    PlanRequestSerializer,
    PlanSerializer,
    SiteSerializer,
    WorkloadSerializer,
)
from controlplane.serving.planning import plan_request, planned
from inference.launch import FORMS, Site
from inference.planner import Plan

_OWN = ("nodes", "precision", "objective", "kv_cache", "speculation", "utilization")
_WORK = tuple(WorkloadSerializer().fields)
_SITE = tuple(SiteSerializer().fields)
_COSTS = tuple(CostInputsSerializer().fields)
_LANGUAGES = {"en": "en", "zh": "zh-hans"}


class Command(BaseCommand):
    help = "plan MODEL ACCELERATOR CARDS: does it fit, how to start it, how fast at most, what to buy, what it costs"

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("model", help="of the catalogue, such as deepseek-r1")
        parser.add_argument("accelerator", help="such as h200")
        parser.add_argument("cards_per_node", help="cards in each server")
        for name in (*_OWN, *_WORK):
            parser.add_argument(_option(name), dest=name, help="see docs/planner.md")
        for name in _COSTS:
            parser.add_argument(_option(name), dest=name, help="for the sheet of costs; see docs/planner.md")
        parser.add_argument(
            "--launch", choices=sorted(FORMS), help="write the file that starts it instead: docs/planner.md"
        )
        for name in _SITE:
            parser.add_argument(_option(name), dest=name, help="for --launch; see docs/planner.md")
        parser.add_argument("--language", choices=sorted(_LANGUAGES), help="of the answer")
        parser.add_argument("--json", action="store_true", help="the answer as POST /api/v1/plans gives it")

    def handle(self, *args: Any, **options: Any) -> None:
        language = _LANGUAGES.get(options["language"] or "", translation.get_language() or "en")
        with translation.override(language):
            self._answer(options)

    def _answer(self, options: Mapping[str, Any]) -> None:
        serializer = PlanRequestSerializer(data=_data(options))
        if not serializer.is_valid():
            raise CommandError("\n".join(_told(serializer.errors)))
        try:
            answer = planned(request=plan_request(data=serializer.validated_data))
        except InvalidInput as error:
            raise CommandError(f"{_option(_last(error.field))}: {error.detail} {error.remedy}") from error
        if options["launch"]:
            self.stdout.write(_file(answer, options), ending="")
            return
        if options["json"]:
            document = json.loads(JSONRenderer().render(PlanSerializer(answer).data))
            self.stdout.write(json.dumps(document, ensure_ascii=False, indent=2))
            return
        for line in report(plan=answer):
            self.stdout.write(line)


def _file(answer: Plan, options: Mapping[str, Any]) -> str:
    serializer = SiteSerializer(data=_given(options, _SITE))
    if not serializer.is_valid():
        raise CommandError("\n".join(_told(serializer.errors)))
    try:
        return launch_file(
            plan=answer, form=options["launch"], site=Site(**serializer.validated_data)
        ).content
    except InvalidInput as error:
        raise CommandError(f"{_option(_last(error.field))}: {error.detail} {error.remedy}") from error


def _data(options: Mapping[str, Any]) -> dict[str, Any]:
    """What was given, as the API takes it."""
    own = ("model", "accelerator", "cards_per_node", *_OWN)
    work, costs = (_given(options, names) for names in (_WORK, _COSTS))
    return _given(options, own) | {"workload": work} | ({"costs": costs} if costs else {})


def _given(options: Mapping[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    return {name: options[name] for name in names if options.get(name) is not None}


def _told(errors: Mapping[str, Any]) -> Iterator[str]:
    for name, said in errors.items():
        if isinstance(said, Mapping):
            yield from _told(said)
        else:
            yield f"{_option(name)}: {' '.join(map(str, said))}"


def _last(field: str) -> str:
    """Of the fields of the API, the option's name: what is a form there is chosen by `--launch`."""
    return "launch" if field == "form" else field.rsplit(".", 1)[-1]


def _option(name: str) -> str:
    return f"--{name.replace('_', '-')}"
