"""What every section of a study is."""

from __future__ import annotations

import hashlib
import json
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

Length = Annotated[int, Field(ge=1, description="number of monomers; 1 for a single molecule")]
Count = Annotated[int, Field(ge=1)]
Positive = Annotated[float, Field(gt=0)]


def fingerprint(values: Any) -> str:  # noqa: ANN401 - whatever JSON can hold
    """Return the first 16 hexadecimal digits of the SHA-256 of settings."""
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()[:16]


class Section(BaseModel):
    """A section of the study. Unknown keys are errors, values are immutable once read."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    def fingerprint(self) -> str:
        """Return the `fingerprint` of the section's values."""
        return fingerprint(self.model_dump(mode="json"))
