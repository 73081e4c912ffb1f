"""What is wrong with a study, in words: one line for each setting, with its path and a suggestion."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from typing import Any, get_args

from pydantic import BaseModel


def lines(item: Mapping[str, Any], root: type[BaseModel]) -> list[str]:
    """Return one line for each thing that an error of pydantic says is wrong with a model."""
    if not item["loc"]:  # settings that do not fit together: each line names its own keys
        return item["msg"].removeprefix("Value error, ").splitlines()
    return [f"{_path(item['loc'])}: {_explain(item, root)}"]


def _path(location: Iterable[str | int]) -> str:
    return ".".join(part for part in map(str, location) if not part.startswith("["))


def _explain(item: Mapping[str, Any], root: type[BaseModel]) -> str:
    if item["type"] != "extra_forbidden":
        given = "" if isinstance(item["input"], dict) or item["type"] == "missing" else f" (given: {item['input']!r})"
        return item["msg"].removeprefix("Value error, ") + given
    known = _keys_at(item["loc"][:-1], root)
    close = difflib.get_close_matches(str(item["loc"][-1]), known, n=1)
    return "unknown key" + (f"; did you mean '{close[0]}'?" if close else f"; known here: {', '.join(known)}")


def _keys_at(location: tuple[str | int, ...], root: type[BaseModel]) -> list[str]:
    """Return the keys that the section at ``location`` of a model knows."""
    section: Any = root
    for part in location:
        fields = getattr(section, "model_fields", {})
        if part in fields:
            section = fields[part].annotation
        elif values := get_args(section):  # a mapping of free names to sections
            section = values[-1]
    return list(section.model_fields)
