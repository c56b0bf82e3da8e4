"""Tiny files in the providers' own formats, for tests, tutorials and benchmarks.

Each writer of a gridded product takes a function of day, latitude and longitude and
writes it on the provider's grid, packed, stamped and named as the provider does;
writers of point files take a Dataset. ``write_region`` writes the synthetic region
in all of these formats, with the catalogue that reads them. What is written is made
up, whatever the file's name says: every file carries a line that says so where its
format has room for one.
"""

from landdata.synthetic.product_writers.common import MADE_UP, Values
from landdata.synthetic.product_writers.glass import write_glass
from landdata.synthetic.product_writers.land import write_gsde, write_raster
from landdata.synthetic.product_writers.points import (
    write_ameriflux_base,
    write_daymet_pixel,
    write_fluxnet,
    write_modis,
)
from landdata.synthetic.product_writers.region import write_region
from landdata.synthetic.product_writers.weather import (
    DAYMET_MAPPING,
    NARR_MAPPING,
    write_daymet,
    write_gridmet,
    write_narr,
    write_nldas,
)

__all__ = [
    "DAYMET_MAPPING",
    "MADE_UP",
    "NARR_MAPPING",
    "Values",
    "write_ameriflux_base",
    "write_daymet",
    "write_daymet_pixel",
    "write_fluxnet",
    "write_glass",
    "write_gridmet",
    "write_gsde",
    "write_modis",
    "write_narr",
    "write_nldas",
    "write_raster",
    "write_region",
]
