"""What a region holds and what calibrating a sample of it would take."""

from __future__ import annotations

from collections.abc import Iterator

from jobs.run.region_sample import draw_sample, open_region, region_of
from jobs.run.run import Run
from jobs.stages.price import training_words
from jobs.text_tables import counted


def check_region(run: Run, doubts: list[str]) -> Iterator[str]:
    """Yield coverage, gaps, ranges and units of the whole cube, then the sample.

    What is suspicious is put into ``doubts``.
    """
    from landdata import check_cube
    from upscale.export.geotiff import require_projections

    require_projections()  # or the last step would find out
    rule = region_of(run.config).sample
    sample = draw_sample(run.config, run.folder.path)
    cube = open_region(run.cube)
    yield f"reading {len(cube)} pixels of {cube.path}"
    for line in check_cube(cube).holdings():
        if "UNUSUAL" in line:
            doubts.append(line.strip())
        yield line
    yield (
        f"mask: {sample.masked.size} of {len(cube)} pixels with more than "
        f"{100 * rule.forest_above:g} % deciduous forest; {sample.usable.size} of "
        "them can be calibrated"
    )
    how = "from your list" if rule.places is not None else "at random"
    if rule.choice == "environmental":
        how = "by their environment"
    yield (
        f"sample: {counted(sample.screening.size, 'pixels')} to screen, at random; "
        f"{sample.calibration.size} to calibrate, {how}"
    )
    yield from training_words(run, sample)
