"""The data catalogue: a YAML file that maps names to files, apart from any run.

Each entry says the format of a product and where its files are, relative to the
catalogue; ``{year}`` in a pattern stands for each year in turn. A product of one's
own needs variable names, units and a pattern (``format: netcdf``).

.. code-block:: yaml

    products:
      temperature: {format: daymet, files: "daymet/*_{year}.nc",
                    gives: [tmin, tmax, prec]}
      humidity:    {format: gridmet, files: ["gridmet/vs_{year}.nc",
                                             "gridmet/sph_{year}.nc"]}
      pressure:    {format: nldas, files: "nldas/{year}/*.nc", gives: [pressure]}
      cloud:       {format: narr, files: "narr/tcdc.{year}.nc"}
      soil:        {format: gsde, files: "gsde/*.nc"}
      land_cover:  {format: nlcd, files: nlcd_2001.tif}
      elevation:   {format: elevation, files: dem.tif}
      lai:         {format: glass, stream: lai, files: "lai/{year}/*.hdf",
                    variance: {rule: relative, fraction: 0.15, floor: 0.2}}
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from landdata.errors import InputError
from landdata.files.whole_files import is_of_the_system
from landdata.files.yaml_values import plain_values

Calendar = Literal["standard", "gregorian", "proleptic_gregorian"]
Name = Annotated[str, Field(min_length=1, pattern=r"^[A-Za-z][A-Za-z0-9_-]*$")]


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    files: str | tuple[str, ...]

    @property
    def patterns(self) -> tuple[str, ...]:
        return (self.files,) if isinstance(self.files, str) else self.files


class Weather(_Entry):
    """Daily weather in a provider's format."""

    format: Literal["daymet", "gridmet", "nldas", "narr", "era5_land"]
    gives: tuple[str, ...] | None = None


class UserVariable(BaseModel):
    """A variable of a user's own file."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    units: str | None = None


class UserWeather(_Entry):
    """Daily weather of one's own."""

    format: Literal["netcdf"]
    variables: dict[str, UserVariable]
    method: Literal["area", "bilinear"] | None = None
    calendar: Calendar | None = None


class Soil(_Entry):
    """Sand and clay."""

    format: Literal["gsde", "soilgrids"]
    depth: float = Field(1.0, gt=0.0, le=2.29)
    sand: str = "SAND"
    clay: str = "CLAY"


class LandCover(_Entry):
    """Deciduous forest."""

    format: Literal["nlcd"]
    classes: tuple[int, ...] = (41,)
    minimum_fraction: float = Field(0.5, ge=0.0, lt=1.0)


class Elevation(_Entry):
    """Heights."""

    format: Literal["elevation"]


class Relative(BaseModel):
    """A fraction of the value, with a floor."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    rule: Literal["relative"]
    fraction: float = Field(ge=0.0)
    floor: float = Field(gt=0.0)


class Given(BaseModel):
    """The product's own standard error."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    rule: Literal["given"]
    standard_error: str


class Triple(BaseModel):
    """Triple collocation with two more products of the catalogue."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    rule: Literal["triple_collocation"]
    companions: tuple[str, str]


Variance = Annotated[Relative | Given | Triple, Field(discriminator="rule")]


class Glass(_Entry):
    """A GLASS product."""

    format: Literal["glass"]
    stream: Literal["lai", "gpp"]
    field: str | None = None
    units: str | None = None
    variance: Variance | None = None


class Modis(_Entry):
    """Composites of MODIS or VIIRS: an AppEEARS area order, or HDF4 tiles."""

    format: Literal["appeears", "modis"]
    stream: Literal["lai", "gpp", "et"]
    least_cover: float = Field(0.5, gt=0.0, le=1.0)
    variance: Variance | None = None


class UserObservations(_Entry):
    """Observations of one's own, every so many days."""

    format: Literal["netcdf_observations"]
    stream: Literal["lai", "gpp", "er", "nee", "et"]
    variable: str
    units: str | None = None
    calendar: Calendar | None = None
    variance: Variance | None = None


Product = Annotated[
    Weather
    | UserWeather
    | Soil
    | LandCover
    | Elevation
    | Glass
    | Modis
    | UserObservations,
    Field(discriminator="format"),
]


class _Content(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    products: dict[Name, Product]


@dataclass(frozen=True, eq=False)
class Catalogue:
    r"""A catalogue that was read and found to be in order.

    Attributes
    ----------
    path : pathlib.Path
        The file; patterns are relative to its folder.
    products : dict
        Name to entry, in the file's order: where two give a driver, the first does.

    Examples
    --------
    >>> from pathlib import Path
    >>> from landdata import read_catalogue
    >>> text = "products:\n  height: {format: elevation, files: dem.tif}\n"
    >>> _ = Path("catalogue.yaml").write_text(text)
    >>> list(read_catalogue("catalogue.yaml").products)
    ['height']
    """

    path: Path
    products: dict[str, Any]

    def patterns(self, name: str, years: Sequence[int] = ()) -> list[str]:
        """File patterns of a product, for some years where it has ``{year}``."""
        folder = self.path.parent
        found = []
        for pattern in self.products[name].patterns:
            full = str(folder / pattern)
            if "{year}" in full:
                found += [full.replace("{year}", f"{year:04d}") for year in years]
            else:
                found.append(full)
        return found

    def of(self, *kinds: type) -> dict[str, Any]:
        """The entries of some kinds."""
        return {k: v for k, v in self.products.items() if isinstance(v, kinds)}


_MOST_BYTES = 4 * 2**20


def read_catalogue(path: str | Path) -> Catalogue:
    r"""Read a catalogue.

    Raises
    ------
    InputError
        At the first mistake, as file:line:column.

    Examples
    --------
    >>> from pathlib import Path
    >>> from landdata import read_catalogue
    >>> text = "products:\n  height: {format: elevation, files: dem.tif}\n"
    >>> _ = Path("catalogue.yaml").write_text(text)
    >>> read_catalogue("catalogue.yaml").products["height"].format
    'elevation'
    """
    from ruamel.yaml import YAML
    from ruamel.yaml.comments import CommentedMap
    from ruamel.yaml.error import MarkedYAMLError

    path = Path(path)
    try:
        if not path.is_file() or path.stat().st_size > _MOST_BYTES:
            raise OSError("no file, or one that is too large")
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as exc:
        if is_of_the_system(exc):
            raise
        raise InputError(str(path), found=str(exc), wanted="a YAML file") from exc
    try:
        tree = YAML(typ="rt").load(text)
    except MarkedYAMLError as exc:
        mark = exc.problem_mark or exc.context_mark
        where = f"{path}:{mark.line + 1}:{mark.column + 1}" if mark else str(path)
        raise InputError(
            where, found=exc.problem or "not YAML", wanted="YAML",
            hint="Look at indents, colons and quotes; quote patterns with { or *.",
        ) from exc  # fmt: skip
    except Exception as exc:  # the parser fails on some texts in ways of its own
        raise InputError(
            str(path), found=f"{type(exc).__name__}: {exc}"[:200], wanted="YAML"
        ) from exc
    if not isinstance(tree, CommentedMap):
        raise InputError(
            f"{path}:1:1", found="no keys", wanted="a mapping with products:"
        )
    try:
        content = _Content.model_validate(plain_values(tree, path))
    except ValidationError as exc:
        raise _problem(path, tree, exc) from exc
    catalogue = Catalogue(path, dict(content.products))
    _check_references(catalogue, tree)
    return catalogue


def position(tree: Any, keys: Sequence[str | int]) -> tuple[int, int]:
    """Line and column (from 1) of a key path, or of its nearest parent."""
    node, at = tree, (0, 0)
    for key in keys:
        if isinstance(node, dict) and key in node:
            at = node.lc.key(key)  # type: ignore[attr-defined]
        elif isinstance(node, list) and isinstance(key, int) and key < len(node):
            at = node.lc.item(key)  # type: ignore[attr-defined]
        else:
            break
        node = node[key]
    return at[0] + 1, at[1] + 1


def _problem(path: Path, tree: Any, exc: ValidationError) -> InputError:
    error = exc.errors()[0]
    # pydantic puts the chosen branch of a union into the path: leave it out.
    keys: list[str | int] = []
    node: Any = tree
    for key in error["loc"]:
        if isinstance(node, list) or (isinstance(node, dict) and key in node):
            keys.append(key)
            node = node[key]  # type: ignore[index]
        elif key == error["loc"][-1]:
            keys.append(key)
    hint = None
    found = repr(error.get("input"))
    context = error.get("ctx", {})
    if "discriminator" in context:  # format: or rule: is wrong or not there
        tag = str(context["discriminator"]).strip("'")
        keys.append(tag)
        found = repr(node[tag]) if isinstance(node, dict) and tag in node else "nothing"
        tags = re.findall(r"'(\w+)'", str(context.get("expected_tags", "")))
        close = difflib.get_close_matches(found.strip("'"), tags, n=1)
        hint = f"Is it {close[0]!r}?" if close else None
    line, column = position(tree, keys)
    if error["type"] == "missing":
        found = "nothing"
    elif error["type"] == "extra_forbidden":
        found = f"an unknown key {keys[-1]!r}"
        known = {n for m in _MODELS for n in m.model_fields}
        close = difflib.get_close_matches(str(keys[-1]), sorted(known), n=1)
        hint = f"Is it {close[0]!r}?" if close else None
    return InputError(
        f"{path}:{line}:{column}  {'.'.join(map(str, keys))}",
        found=found if len(found) < 120 else f"{found[:120]}...",
        wanted=error["msg"],
        hint=hint,
    )


_MODELS: tuple[type[BaseModel], ...] = (
    Weather, UserWeather, UserVariable, Soil, LandCover, Elevation, Glass, Modis,
    UserObservations, Relative, Given, Triple, _Content,
)  # fmt: skip


def _check_references(catalogue: Catalogue, tree: Any) -> None:
    """What pydantic cannot see: names that point to other entries or to variables."""
    from landdata.products.user_netcdf import KNOWN

    def fail(keys: list[str | int], found: str, wanted: str) -> None:
        line, column = position(tree, keys)
        raise InputError(
            f"{catalogue.path}:{line}:{column}  {'.'.join(map(str, keys))}",
            found=found,
            wanted=wanted,
        )

    for name, product in catalogue.products.items():
        if isinstance(product, UserWeather):
            for ours in product.variables:
                if ours not in KNOWN:
                    fail(
                        ["products", name, "variables", ours],
                        "an unknown variable",
                        f"one of {', '.join(KNOWN)}",
                    )
        rule = getattr(product, "variance", None)
        if isinstance(rule, Given) and isinstance(product, Glass):
            fail(
                ["products", name, "variance"],
                "rule: given",
                "relative or triple_collocation: GLASS files hold no errors",
            )
        if isinstance(rule, Given) and isinstance(product, Modis):
            known = {"lai": ("LaiStdDev_500m", "LaiStdDev")}.get(product.stream, ())
            if rule.standard_error not in known:
                fail(
                    ["products", name, "variance", "standard_error"],
                    repr(rule.standard_error),
                    "LaiStdDev_500m (VIIRS: LaiStdDev) for lai; other streams hold no "
                    "errors",
                )
        if isinstance(rule, Triple):
            for other in rule.companions:
                stream = getattr(catalogue.products.get(other), "stream", None)
                if stream != product.stream or other == name:
                    fail(
                        ["products", name, "variance", "companions"],
                        repr(other),
                        f"another product of the stream {product.stream}",
                    )
