"""Steps of a calibration: which parameters are found from which streams."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from masm.errors import InputError
from masm.observations.stream import Stream
from masm.problem.priors import Priors


@dataclass(frozen=True)
class Block:
    """A step of a stepwise calibration: some parameters on some streams.

    Attributes
    ----------
    streams : str or sequence of str
        The observations used.
    parameters : sequence of str
        The parameters calibrated. Others stay at the posterior mean of an earlier
        block, or at their default.

    Examples
    --------
    >>> import masm
    >>> blocks = [masm.Block("gpp", ["vmax"]), masm.Block("lai", ["p5", "p14"])]
    >>> blocks[1].parameters
    ('p5', 'p14')
    """

    streams: tuple[str, ...]
    parameters: tuple[str, ...]

    def __init__(
        self, streams: str | Sequence[str], parameters: str | Sequence[str]
    ) -> None:
        object.__setattr__(self, "streams", _names(streams))
        object.__setattr__(self, "parameters", _names(parameters))


def _names(names: str | Sequence[str]) -> tuple[str, ...]:
    return (names,) if isinstance(names, str) else tuple(names)


def checked_blocks(
    blocks: Sequence[Block] | None, streams: Mapping[str, Stream], priors: Priors
) -> list[Block]:
    """Return the steps of a calibration: one of everything without blocks."""
    if blocks is None:
        return [Block(tuple(streams), priors.names)]
    steps = list(blocks)
    if not steps:
        raise InputError("blocks are empty", wanted="at least one masm.Block, or None")
    for i, block in enumerate(steps, start=1):
        if not isinstance(block, Block):
            raise InputError(
                f"block {i} is not a block",
                found=repr(block),
                wanted="masm.Block(streams, parameters)",
            )
        for kind, wanted, known in (
            ("stream", block.streams, list(streams)),
            ("parameter", block.parameters, list(priors)),
        ):
            if not wanted:
                raise InputError(
                    f"block {i} has no {kind}", wanted=f"at least one {kind}"
                )
            for name in wanted:
                if name not in known:
                    raise InputError(
                        f"block {i}: unknown {kind} {name!r}",
                        found=name,
                        wanted=f"one of {', '.join(known)}",
                    )
            if len(set(wanted)) < len(wanted):
                raise InputError(f"block {i} names a {kind} twice", found=wanted)
    never = [name for name in priors if all(name not in b.parameters for b in steps)]
    if never:
        raise InputError(
            f"no block calibrates {', '.join(never)}",
            found=f"{len(priors)} priors",
            wanted="each parameter with a prior in at least one block",
            hint="Fix such a parameter in the model, and leave out its prior.",
        )
    return steps


def joint_of(
    steps: Sequence[Block],
    proposals: str,
    blocks: Sequence[Block] | None,
    priors: Priors,
) -> tuple[list[Block], list[list[int]]]:
    """One block of all that the steps have, and the columns each of them moves."""
    if proposals != "blocks" or blocks is None:
        raise InputError(
            "proposals",
            found=repr(proposals) + (", and no blocks" if blocks is None else ""),
            wanted='"blocks" with blocks=[masm.Block(...), ...], or None',
        )
    streams = dict.fromkeys(name for step in steps for name in step.streams)
    groups = [[priors.names.index(name) for name in s.parameters] for s in steps]
    return [Block(tuple(streams), priors.names)], groups


def caveat(steps: Sequence[Sequence[str]]) -> str:
    """What to know of intervals that came from blocks, one after the other.

    The fractions are of `benchmarks.sbc`: 200 and 400 truths of the model's twin.

    Parameters
    ----------
    steps : the parameters of each block, in order

    Returns
    -------
    str
        Empty where no block holds what an earlier one has calibrated.
    """
    held = [
        name
        for i, names in enumerate(steps[:-1])
        for name in names
        if any(name not in later for later in steps[i + 1 :])
    ]
    if not held:
        return ""
    return (
        f"Stepwise blocks: {', '.join(dict.fromkeys(held))} stay at their means while "
        "later streams settle the rest, so that intervals are too narrow. In a test "
        "with known truths 90 % intervals held 82 % of them, and 68 to 85 % in the "
        "parameters that stay. One block of all streams held 90 %, with fewer runs."
    )
