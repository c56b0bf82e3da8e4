"""Outputs of the process model that can be calibrated, and their units."""

from __future__ import annotations

STREAMS = {"lai": "1", "gpp": "g m-2 d-1", "er": "g m-2 d-1", "nee": "g m-2 d-1"}
