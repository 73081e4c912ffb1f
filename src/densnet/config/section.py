"""What every section of a study is."""

from __future__ import annotations

import hashlib
import json
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Discriminator, Field, StringConstraints, Tag


def _no_answer(value: Any) -> Any:  # noqa: ANN401 - whatever YAML can hold
    """Return the value; raise `ValueError` where it is ``yes`` or ``no``, which would count as one or zero."""
    if isinstance(value, bool):
        raise ValueError("Input should be a number, not yes or no")
    return value


NUMBER = BeforeValidator(_no_answer)
Whole = Annotated[int, NUMBER]
Real = Annotated[float, NUMBER]
Length = Annotated[int, Field(ge=1, description="number of monomers; 1 for a single molecule"), NUMBER]
Count = Annotated[int, Field(ge=1), NUMBER]
Positive = Annotated[float, Field(gt=0), NUMBER]
Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]
CountOf = Annotated[dict[Length, Count], Field(json_schema_extra={"propertyNames": {"pattern": "^[1-9][0-9]*$"}})]
"""A number for each chain length."""
Counts = Annotated[
    Annotated[Count, Tag("[number]")] | Annotated[CountOf, Tag("[lengths]")],
    Discriminator(lambda value: "[lengths]" if isinstance(value, dict) else "[number]"),
]
"""A number, or one for each chain length; the tags keep a mistake to one line, and out of the path of the key."""


def fingerprint(values: Any) -> str:  # noqa: ANN401 - whatever JSON can hold
    """Return the first 16 hexadecimal digits of the SHA-256 of settings."""
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()[:16]


class Section(BaseModel):
    """A section of the study. Unknown keys are errors, numbers are finite, values are immutable once read."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, use_attribute_docstrings=True)

    def fingerprint(self) -> str:
        """Return the `fingerprint` of the section's values."""
        return fingerprint(self.model_dump(mode="json"))
