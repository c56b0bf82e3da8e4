"""One file per stage of a run; each reads and writes the run folder."""
