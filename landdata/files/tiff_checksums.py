"""Checksums inside a GeoTIFF, which the library that decodes it does not look at.

A block compressed by deflate ends with the Adler-32 sum of its content (RFC 1950).
GDAL stops when it has the bytes that it needs, before the sum, so a changed byte
becomes wrong pixels and no error. Here the blocks that a region touches are inflated
once more by zlib, which compares. Other compressions, and the tags that say where the
raster lies, carry no sums: only ``SHA256SUMS`` shows damage there.
"""

from __future__ import annotations

import zlib
from pathlib import Path
from typing import Any

from landdata.errors import InputError


class BlockChecks:
    """Blocks of a raster's first band, each checked at most once.

    Parameters
    ----------
    raster : rasterio.DatasetReader
        Open.
    path : pathlib.Path
        Its file.
    """

    def __init__(self, raster: Any, path: Path):
        self._raster = raster
        self._path = path
        self._known: set[tuple[int, int]] = set()
        deflated = str(raster.profile.get("compress", "")).lower() == "deflate"
        self.possible = raster.driver == "GTiff" and deflated

    def hold(
        self, first_row: int, last_row: int, first_column: int, last_column: int
    ) -> None:
        """Check the blocks of a window of pixels (ends not included).

        Raises
        ------
        InputError
            At the first block whose content is not what its sum says.
        """
        if not self.possible:
            return
        height, width = self._raster.block_shapes[0]
        with self._path.open("rb") as content:
            for row in range(first_row // height, -(-last_row // height)):
                for column in range(first_column // width, -(-last_column // width)):
                    if (row, column) not in self._known:
                        self._known.add((row, column))
                        self._check(content, row, column)

    def _check(self, content: Any, row: int, column: int) -> None:
        place = f"{column}_{row}"
        offset, size = (
            self._raster.get_tag_item(f"BLOCK_{what}_{place}", "TIFF", bidx=1)
            for what in ("OFFSET", "SIZE")
        )
        if offset is None or size is None:
            return  # a block of nothing but nodata has no place in the file
        content.seek(int(offset))
        inflater = zlib.decompressobj()
        try:
            inflater.decompress(content.read(int(size)))
            whole = inflater.eof
        except zlib.error:
            whole = False
        if not whole:
            raise InputError(
                str(self._path),
                found=f"a damaged block (row {row}, column {column} of blocks)",
                wanted="pixels that agree with the checksum stored behind them",
                hint="Is the download complete? Fetch the file again.",
            )
