"""The carbon reanalysis: forecast steps of members, and the analyses between them.

Every step leaves a netCDF file at its name as the last thing it does. What is done is
read from the files, so a run that was broken off goes on where it stopped, and to the
same numbers.
"""

from jobs.stages.reanalysis.loop import reanalyse, steps_left
from jobs.stages.reanalysis.prepare import read_inputs

__all__ = ["read_inputs", "reanalyse", "steps_left"]
