"""Label and field selectors, as the API server reads them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

TERMS = re.compile(r",(?![^(]*\))")
SET_TERM = re.compile(r"^(?P<key>\S+) +(?P<op>in|notin) +\((?P<values>[^)]*)\)$")
FIELDS = {"metadata.name", "metadata.namespace", "spec.nodeName", "status.phase", "status.podIP"}


class SelectorError(ValueError):
    """A selector that cannot be read; becomes 400 Bad Request."""


def fits_labels(labels: Mapping[str, str], selector: str) -> bool:
    """Do the labels fit `a=b,c!=d,e,!f,g in (h,i)`?"""
    return all(_fits_label(labels, term.strip()) for term in TERMS.split(selector) if term.strip())


def _fits_label(labels: Mapping[str, str], term: str) -> bool:
    if match := SET_TERM.match(term):
        values = {value.strip() for value in match["values"].split(",")}
        return (labels.get(match["key"]) in values) == (match["op"] == "in")
    if "!=" in term:
        key, value = term.split("!=", 1)
        return labels.get(key.strip()) != value.strip()
    if "=" in term:
        key, value = re.split("==?", term, maxsplit=1)
        return labels.get(key.strip()) == value.strip()
    if term.startswith("!"):
        return term[1:] not in labels
    return term in labels


def fits_fields(manifest: Mapping[str, Any], selector: str) -> bool:
    """Does an object fit `spec.nodeName=x,status.phase!=y`?"""
    for term in filter(None, selector.split(",")):
        match = re.fullmatch(r"([\w.]+)(==|=|!=)(.*)", term)
        if match is None or match[1] not in FIELDS:
            raise SelectorError(f"field label not supported: {term}")
        value: Any = manifest
        for word in match[1].split("."):
            value = value.get(word, "") if isinstance(value, Mapping) else ""
        if (value == match[3]) == (match[2] == "!="):
            return False
    return True
