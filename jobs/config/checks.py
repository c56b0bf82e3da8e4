"""What a configuration must satisfy beyond its form: names, bounds, years."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from jobs.config.extras import install_hint, not_installed
from jobs.config.methods import (
    expected_runs,
    is_joint,
    least_runs,
    method_defaults,
    method_names,
    takes_proposals,
    wanted_value,
)
from jobs.config.process_model import model_of
from jobs.config.schema import Config
from jobs.config.yaml_positions import Document
from jobs.errors import ConfigError, Problem, did_you_mean
from jobs.process_models.base import Parameter

Table = Mapping[str, Parameter]

JOINED_METHODS = ("emulator", "published")
"""Methods whose sites can be joined: their runs are few and spread over the prior."""

_BORROWS = "emulator"
"""The method that can begin with what neighbours found."""


def check_meaning(config: Config, document: Document) -> None:
    """Refuse unknown streams and parameters, bad bounds, years without weather.

    Raises
    ------
    ConfigError
        With every mistake found.
    """
    table = model_of(config).parameters
    problems = [
        *_spinup(config, document),
        *_streams(config, document),
        *_stream_errors(config, document),
        *_parameters(config, document, table),
        *_twin(config, document, table),
        *_years(config, document),
        *_method(config, document),
        *_sites(config, document),
        *_traits(config, document),
        *_left_out(config, document),
        *_sweeps(config, document),
        *_scaling(config, document),
        *_neighbours(config, document),
        *_neighbour_runs(config, document),
        *_extras(config, document),
    ]
    if problems:
        raise ConfigError(problems)


def _extras(config: Config, document: Document) -> Iterator[Problem]:
    """What a region needs and is not installed, before hours of work find out."""
    if config.pixels.source == "region" and (missing := not_installed("regions")):
        yield document.problem(
            ("pixels", "source"),
            found=f"region; not installed: {', '.join(missing)}",
            wanted="the packages that regions and their maps need",
            hint=install_hint("regions"),
        )


def _neighbours(config: Config, document: Document) -> Iterator[Problem]:
    if config.calibration.neighbours == 0:
        return
    keys = ("calibration", "neighbours")
    if config.calibration.method != _BORROWS:
        yield document.problem(
            keys,
            found=f"method {config.calibration.method}, which makes no use of it",
            wanted=f"method {_BORROWS}, or no such key",
        )
    if config.sites != "separate":
        yield document.problem(
            keys,
            found=f"sites: {config.sites}, which needs runs spread over the prior",
            wanted="sites: separate, or no such key",
        )


def _neighbour_runs(config: Config, document: Document) -> Iterator[Problem]:
    """Refuse a budget of pixels that borrow which is none, or saves nothing."""
    chosen = config.calibration
    few = chosen.neighbour_runs
    if few == 0:
        return
    keys = ("calibration", "neighbour_runs")
    if chosen.neighbours == 0:
        yield document.problem(
            keys,
            found=f"{few}, and no pixel borrows a start",
            wanted="calibration.neighbours above 0, or no such key",
        )
        return
    options = option_problems(chosen.method, chosen.options, document)
    if chosen.method != _BORROWS or any(options):
        return  # another check says so
    if not is_joint(config):
        yield document.problem(
            keys,
            found=f"{few}, with {len(chosen.blocks)} blocks one after the other",
            wanted="one posterior of all parameters and streams, or no such key",
            hint="Give one block, or calibration.proposals: blocks.",
        )
        return
    whole, least = expected_runs(config), least_runs(config)
    if few >= whole:
        yield document.problem(
            keys,
            found=str(few),
            wanted=f"less than {whole}, the model runs of a pixel that borrows from "
            "none, or no such key",
        )
    elif few < least:
        yield document.problem(
            keys,
            found=str(few),
            wanted=f"{least} or more: the method needs as many for these parameters",
        )


def _spinup(config: Config, document: Document) -> Iterator[Problem]:
    keys = ("model", "spinup_cycles")
    cycles = config.model.spinup_cycles
    if document.holds(keys) and cycles != model_of(config).spinup_cycles:
        yield document.problem(
            keys,
            found=str(cycles),
            wanted="0, or no such key: the initial pools of this model are parameters",
        )


def _streams(config: Config, document: Document) -> Iterator[Problem]:
    outputs = model_of(config).outputs
    for name in config.streams:
        if name not in outputs:
            yield document.problem(
                ("streams", name),
                found=f'an unknown stream "{name}"',
                wanted=f"an output of the model: {', '.join(outputs)}",
                hint=did_you_mean(name, outputs),
            )
    used = set()
    for index, block in enumerate(config.calibration.blocks):
        used.update(block.streams)
        for position, name in enumerate(block.streams):
            if name not in config.streams:
                yield document.problem(
                    ("calibration", "blocks", index, "streams", position),
                    found=f'"{name}"',
                    wanted="a stream named under `streams`",
                    hint=did_you_mean(name, config.streams),
                )
    for name in config.streams.keys() - used:
        yield document.problem(
            ("streams", name),
            found="a stream that no block uses",
            wanted="each stream in a block of calibration.blocks",
        )


def _stream_errors(config: Config, document: Document) -> Iterator[Problem]:
    """Errors of a stream that do not go together."""
    for name, stream in config.streams.items():
        if not stream.errors.unusual:
            continue
        from masm import Errors
        from masm.errors import InputError

        wrong = stream.discrepancy
        keys = ("streams", name, "errors")
        try:
            errors = Errors(
                **stream.errors.model_dump(),
                treatment=stream.treatment,
                between_years=stream.between_years,
                discrepancy_sd=0.0 if wrong is None else wrong.sd,
            )
        except InputError as exc:
            what, *more = str(exc).splitlines()
            said = dict(line.split(maxsplit=1) for line in more)
            yield document.problem(
                keys,
                found=f"{what.removeprefix('errors: ')}: {said.get('found', '')}",
                wanted=said.get("wanted", ""),
            )
            continue
        sampled = stream.variance == "sampled" or getattr(
            stream.variance, "sampled", False
        )
        usual = errors.shape.is_normal and errors.effective_share == 1.0
        if sampled and not usual:
            yield document.problem(
                keys,
                found=f"{errors.name}, with errors of unknown size",
                wanted="a variance that is known, or normal errors that all count",
            )


def _parameters(config: Config, document: Document, table: Table) -> Iterator[Problem]:
    calibrated = set()
    keys: tuple[str | int, ...]
    for index, block in enumerate(config.calibration.blocks):
        seen = set()
        for position, name in enumerate(block.parameters):
            keys = ("calibration", "blocks", index, "parameters", position)
            if name not in table:
                yield _unknown(document, keys, name, table)
            elif name in seen:
                yield document.problem(keys, found=f'"{name}" twice', wanted="once")
            seen.add(name)
        calibrated |= seen
    for name, (low, high) in config.calibration.bounds.items():
        keys = ("calibration", "bounds", name)
        if name not in table:
            yield _unknown(document, keys, name, table)
            continue
        row = table[name]
        if name not in calibrated:
            yield document.problem(
                keys,
                found="bounds of a parameter that is not calibrated",
                wanted="a parameter of calibration.blocks",
            )
        if not row.low <= low < high <= row.high:
            yield document.problem(
                keys,
                found=f"[{low:g}, {high:g}]",
                wanted=f"low < high within [{row.low:g}, {row.high:g}] {row.unit}",
            )


def _twin(config: Config, document: Document, table: Table) -> Iterator[Problem]:
    twin, place = config.twin, config.pixels
    observed = place.source in ("site", "towers") or (
        place.source == "table" and place.observations is not None
    )
    if twin is None:
        if not observed and place.source != "region":
            yield document.problem(
                ("twin",),
                found="nothing",
                wanted="truth and noise of a twin, since there are no observations",
            )
        return
    if observed:
        yield document.problem(
            ("twin",),
            found="a twin beside real observations",
            wanted="one or the other",
        )
    truth = {} if twin.truth == "random" else twin.truth
    for name, value in truth.items():
        keys = ("twin", "truth", name)
        if name not in table:
            yield _unknown(document, keys, name, table)
            continue
        low, high = config.calibration.bounds.get(
            name, (table[name].low, table[name].high)
        )
        if not low < value < high:
            yield document.problem(
                keys,
                found=f"{value:g}",
                wanted=f"inside the prior, {low:g} to {high:g}",
            )
    for name in config.streams.keys() - twin.noise.keys():
        yield document.problem(
            ("twin", "noise"), found="nothing", wanted=f"the noise of stream {name}"
        )
    for name in twin.noise.keys() - config.streams.keys():
        yield document.problem(
            ("twin", "noise", name),
            found=f'"{name}"',
            wanted="a stream named under `streams`",
            hint=did_you_mean(name, config.streams),
        )


def _years(config: Config, document: Document) -> Iterator[Problem]:
    if config.periods.by_site and config.pixels.source not in ("table", "towers"):
        yield document.problem(
            ("periods", "by_site"),
            found=f"pixels of a {config.pixels.source}",
            wanted="spinup, calibration and validation; by_site is for table and "
            "towers",
        )
    if config.pixels.source != "generated":
        return
    years, periods = config.pixels.years, config.periods
    if periods.spinup.first < years.first or periods.validation.last > years.last:
        yield document.problem(
            ("periods",),
            found=f"{periods.spinup.first} to {periods.validation.last}",
            wanted=f"years inside pixels.years ({years})",
        )


def _method(config: Config, document: Document) -> Iterator[Problem]:
    chosen = config.calibration
    known = method_names()
    if chosen.method not in known:
        yield document.problem(
            ("calibration", "method"),
            found=f'"{chosen.method}"',
            wanted="a method of masm.calibrate",
            hint=did_you_mean(chosen.method, known),
        )
        return
    if chosen.proposals == "blocks" and not takes_proposals(chosen.method):
        yield document.problem(
            ("calibration", "proposals"),
            found=f"blocks, with method {chosen.method}",
            wanted="a method whose chains take blocks (emulator), or no proposals",
        )
    yield from option_problems(chosen.method, chosen.options, document)


def option_problems(
    method: str, given: Mapping[str, object], document: Document
) -> Iterator[Problem]:
    """Yield what is wrong with the options of a known method."""
    options = method_defaults(method)
    for name, value in given.items():
        if name not in options:
            yield document.problem(
                ("calibration", "options", name),
                found=f'an unknown option "{name}"',
                wanted=f"an option of method {method}",
                hint=did_you_mean(name, options),
            )
        elif wanted := wanted_value(method, name, value):
            yield document.problem(
                ("calibration", "options", name), found=repr(value), wanted=wanted
            )


def _sites(config: Config, document: Document) -> Iterator[Problem]:
    way, chosen = config.sites, config.calibration
    yield from _site_errors(config, document)
    if way == "separate":
        return
    if config.pixels.source not in ("table", "towers"):
        yield document.problem(
            ("sites",),
            found=f"{way}, with pixels of a {config.pixels.source}",
            wanted="separate; sites are joined where pixels.source is table or towers",
            hint="Maps of a region are of pixels that were calibrated alone; one site "
            "is no group.",
        )
    if len(chosen.blocks) > 1 and chosen.proposals is None:
        yield document.problem(
            ("sites",),
            found=f"{way}, with {len(chosen.blocks)} blocks one after the other",
            wanted="one posterior of all parameters and streams",
            hint="Give one block, or calibration.proposals: blocks.",
        )
    if chosen.method not in JOINED_METHODS:
        yield document.problem(
            ("sites",),
            found=f"{way}, with method {chosen.method}",
            wanted=f"a method whose runs can be emulated: {', '.join(JOINED_METHODS)}",
        )


def _traits(config: Config, document: Document) -> Iterator[Problem]:
    from jobs.config.priors import calibrated_parameters, traits_of

    try:
        found = traits_of(config)
    except ConfigError as exc:
        yield from exc.problems
        return
    if config.calibration.traits and not set(found) & set(
        calibrated_parameters(config)
    ):
        yield document.problem(
            ("calibration", "traits"),
            found=f"traits of {', '.join(found)}",
            wanted="rows of at least one parameter of calibration.blocks",
        )


def _site_errors(config: Config, document: Document) -> Iterator[Problem]:
    if config.site_errors and config.sites == "separate":
        yield document.problem(
            ("site_errors",),
            found="errors of the joint step, with sites: separate",
            wanted="sites: hierarchical or pooled",
            hint="A site alone is calibrated with normal errors.",
        )
    for name in config.site_errors:
        if name not in config.streams:
            yield document.problem(
                ("site_errors", name),
                found=f'"{name}"',
                wanted="a stream named under `streams`",
                hint=did_you_mean(name, config.streams),
            )
    if config.site_errors:
        yield from _of_other_errors(config, document)


def _of_other_errors(config: Config, document: Document) -> Iterator[Problem]:
    """Streams that the joint step would refuse after all sites are calibrated."""
    used = {name for block in config.calibration.blocks for name in block.streams}
    for name, stream in config.streams.items():
        asked = {
            "variance": stream.variance == "sampled"
            or getattr(stream.variance, "sampled", False),
            "between_years": stream.between_years > 0.0,
            "treatment": stream.treatment != "none",
            "discrepancy": stream.discrepancy is not None,
            "errors": bool(stream.errors.unusual),
        }
        for key in (key for key, there in asked.items() if there and name in used):
            yield document.problem(
                ("streams", name, key),
                found=f"{key} that the joint step has not, with site_errors",
                wanted="independent errors of known variance and values as they are, "
                "for every stream; or no site_errors",
                hint="Correlated residuals count by their effective number of values.",
            )


def _left_out(config: Config, document: Document) -> Iterator[Problem]:
    chosen, keys = config.calibration, ("calibration", "leave_out")
    rule, years = chosen.leave_out, config.periods.calibration
    for name in rule.streams:
        if name not in config.streams:
            yield document.problem(
                (*keys, "streams"),
                found=f'"{name}"',
                wanted="a stream named under `streams`",
                hint=did_you_mean(name, config.streams),
            )
    for index, block in enumerate(chosen.blocks):
        if set(block.streams) <= set(rule.streams):
            yield document.problem(
                (*keys, "streams"),
                found=f"every stream of block {index + 1}",
                wanted="one or more streams left to each block",
                hint="Take the block's parameters out of the blocks, too.",
            )
    inside = set(range(years.first, years.last + 1))
    for year in rule.years:
        if year not in inside:
            yield document.problem(
                (*keys, "years"),
                found=str(year),
                wanted=f"a year of the calibration, {years}",
            )
    if inside <= set(rule.years):
        yield document.problem(
            (*keys, "years"),
            found="every year of the calibration",
            wanted="one or more years left",
        )
    if rule.sites and config.sites == "separate":
        yield document.problem(
            (*keys, "sites"),
            found="sites that are left out, with sites: separate",
            wanted="sites: pooled or hierarchical, which predict them from the others",
        )


def _sweeps(config: Config, document: Document) -> Iterator[Problem]:
    chosen = config.calibration
    joint = len(chosen.blocks) < 2 or chosen.proposals is not None
    if chosen.sweeps > 1 and joint:
        yield document.problem(
            ("calibration", "sweeps"),
            found=f"{chosen.sweeps} sweeps of one posterior",
            wanted="1, or several blocks one after the other",
        )


def _scaling(config: Config, document: Document) -> Iterator[Problem]:
    calibrated = {n for block in config.calibration.blocks for n in block.parameters}
    for name, rule in config.model.scaling.items():
        if name not in calibrated:
            yield document.problem(
                ("model", "scaling", name),
                found="a factor that no block calibrates",
                wanted=f"{name} in the parameters of a block",
            )
        for parameter in rule.parameters:
            if parameter in calibrated:
                yield document.problem(
                    ("model", "scaling", name),
                    found=f"{parameter}, which is calibrated by itself too",
                    wanted="either its factor or the parameter in the blocks",
                )


def _unknown(
    document: Document,
    keys: tuple[str | int, ...],
    name: str,
    table: Table,
) -> Problem:
    return document.problem(
        keys,
        found=f'an unknown parameter "{name}"',
        wanted="an id of the parameter table",
        hint=did_you_mean(name, table),
    )
