"""What several targets answered, after its pipe: filters are for each answer, and what comes after that for all of them together."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace

from vppsh.errors import UsageError
from vppsh.pipes import COMPARE, JSON, REDIRECTS, Pipeline, Stage
from vppsh.targets.fanout import Outcome, differences, merged


def together(outcomes: Sequence[Outcome], pipeline: Pipeline) -> str:
    """One text of all answers; raises UsageError for a pipe that makes no sense."""
    each: list[Stage] = []
    rest = list(pipeline.stages)
    while rest and rest[0].name not in (JSON, COMPARE, *REDIRECTS):
        each.append(rest.pop(0))
    filtered = [_filtered(outcome, each) for outcome in outcomes] if each else list(outcomes)
    whole = rest.pop(0) if rest and rest[0].name in (JSON, COMPARE) else None
    if whole is None:
        text = _only(filtered[0]) if len(filtered) == 1 else merged(filtered)
    elif whole.name == JSON:
        text = as_json(filtered)
    elif any(stage.name in (JSON, COMPARE) for stage in rest):
        raise UsageError("diff: must be the last filter")
    else:
        text = differences(filtered)
    return Pipeline(pipeline.line, tuple(rest)).apply([text]) if rest else text


def as_json(outcomes: Sequence[Outcome]) -> str:
    """A list with an object for each target."""
    return json.dumps([plain(outcome) for outcome in outcomes], indent=2) + "\n"


def plain(outcome: Outcome) -> dict[str, object]:
    """What one target answered, as JSON can tell it; `data` is the structured form, where it has one."""
    answer = outcome.answer
    found: dict[str, object] = {"target": outcome.name, "failed": answer.failed, "seconds": round(outcome.seconds, 6), "text": answer.text}
    if outcome.error:
        found["error"] = outcome.error
    if answer.data:
        found["data"] = answer.data[0] if len(answer.data) == 1 else list(answer.data)
    return found


def _filtered(outcome: Outcome, stages: Sequence[Stage]) -> Outcome:
    text = Pipeline("", tuple(stages)).apply([outcome.answer.text])
    return replace(outcome, answer=replace(outcome.answer, text=text))


def _only(outcome: Outcome) -> str:
    return outcome.answer.text + (f"{outcome.error}\n" if outcome.error else "")
