"""Ask pip-audit whether a known vulnerability is in what is installed here.

    python .ci/audit.py

Exits 1 if there is one. Where the vulnerability service cannot be reached, or knows
none of the packages, nothing is known either way: that is said, and is no failure.
"""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

COMMAND = [
    sys.executable, "-m", "pip_audit", "--format", "json", "--progress-spinner", "off",
    "--skip-editable", "--timeout", "20",
]  # fmt: skip
UNREACHABLE = (
    "ConnectionError", "Connection refused", "Max retries", "NameResolution",
    "ProxyError", "ReadTimeout", "ServiceUnavailable", "could not connect", "timed out",
    "Could not connect",
)  # fmt: skip


def verdict(answer: str, complaint: str, status: int) -> tuple[int, list[str]]:
    """Return an exit status and what to print.

    Parameters
    ----------
    answer, complaint : str
        Standard output and standard error of pip-audit.
    status : int
        Its exit status.
    """
    try:
        packages = json.loads(answer)["dependencies"]
    except (ValueError, KeyError, TypeError):
        if status != 0 and any(word in complaint for word in UNREACHABLE):
            return 0, ["audit: NOT CHECKED: the vulnerability service is not reachable"]
        last = complaint.strip().splitlines()[-3:]
        return 2, ["audit: pip-audit failed", *last]
    checked = [package for package in packages if "skip_reason" not in package]
    if not checked:
        message = f"the service knows none of {len(packages)} packages"
        return 0, [f"audit: NOT CHECKED: {message}"]
    lines = [_line(p, found) for p in checked for found in p.get("vulns", [])]
    n = len(lines)
    passed_over = [p["name"] for p in packages if "skip_reason" in p]
    if passed_over:
        lines.append(f"not checked: {', '.join(passed_over)}")
    lines.append(f"audit: {len(checked)} packages checked, {n} known vulnerabilities")
    return (1 if n else 0), lines


def _line(package: dict[str, Any], found: dict[str, Any]) -> str:
    fixed = ", ".join(found.get("fix_versions", [])) or "no version yet"
    return f"{package['name']} {package['version']}: {found['id']}, fixed in {fixed}"


def main() -> int:
    """Run pip-audit and tell."""
    try:
        run = subprocess.run(
            COMMAND, capture_output=True, text=True, check=False, timeout=300
        )
    except subprocess.TimeoutExpired:
        print("audit: NOT CHECKED: the vulnerability service does not answer in time")
        return 0
    status, lines = verdict(run.stdout, run.stderr, run.returncode)
    print(*lines, sep="\n")
    return status


if __name__ == "__main__":
    sys.exit(main())
