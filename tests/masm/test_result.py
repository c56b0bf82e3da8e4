import h5netcdf
import pytest

import masm


def test_a_file_that_is_no_result_is_refused(tmp_path):
    path = tmp_path / "other.nc"
    with pytest.raises(masm.InputError, match="cannot be read"):
        masm.open_result(path)
    path.write_text("not netCDF")
    with pytest.raises(masm.InputError, match="cannot be read"):
        masm.open_result(path)
    with h5netcdf.File(path, "w") as file:
        file.attrs["title"] = "something else"
    with pytest.raises(masm.InputError, match="no posterior"):
        masm.open_result(path)
