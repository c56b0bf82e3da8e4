"""What a configuration must satisfy beyond its form: names, bounds, years."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from jobs.config.methods import (
    method_defaults,
    method_names,
    takes_proposals,
    wanted_kind,
)
from jobs.config.process_model import model_of
from jobs.config.schema import Config
from jobs.config.yaml_positions import Document
from jobs.errors import ConfigError, Problem, did_you_mean
from jobs.process_models.base import Parameter

Table = Mapping[str, Parameter]

JOINED_METHODS = ("emulator", "published")
"""Methods whose sites can be joined: their runs are few and spread over the prior."""


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
        *_parameters(config, document, table),
        *_twin(config, document, table),
        *_years(config, document),
        *_method(config, document),
        *_sites(config, document),
    ]
    if problems:
        raise ConfigError(problems)


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
    observed = place.source == "site" or (
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
        elif wanted := wanted_kind(options[name], value):
            yield document.problem(
                ("calibration", "options", name), found=repr(value), wanted=wanted
            )


def _sites(config: Config, document: Document) -> Iterator[Problem]:
    way, chosen = config.sites, config.calibration
    if way == "separate":
        return
    if config.pixels.source not in ("table",):
        yield document.problem(
            ("sites",),
            found=f"{way}, with pixels of a {config.pixels.source}",
            wanted="separate; sites are joined where pixels.source is table",
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
