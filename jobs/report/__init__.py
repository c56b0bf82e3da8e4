"""``report.html``: everything a run has to show, in one file that opens from disk.

Parts are gathered from result files only, so a page can be made again at any time, of
a run that is half finished too. What has not been made is left out, and the page says
which command makes it.
"""

from jobs.report.page import write_report

__all__ = ["write_report"]
