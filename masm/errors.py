"""What can go wrong in a calibration, as exceptions with a reason."""

from __future__ import annotations

from importlib.util import find_spec


class InputError(ValueError):
    """Something the caller gave cannot be used; nothing has been computed.

    The message has up to four lines: where and what, then ``found``, ``wanted``
    and ``hint``.

    Parameters
    ----------
    what : str
        What is wrong and where (the stream, parameter, date or file).
    found, wanted, hint : str, optional
        What was there, what should have been, and the likely fix.

    Examples
    --------
    >>> import masm
    >>> print(masm.InputError("stream gpp", found="m", wanted="g m-2 d-1"))
    stream gpp
      found   m
      wanted  g m-2 d-1
    """

    def __init__(
        self, what: str, *, found: object = None, wanted: object = None, hint: str = ""
    ) -> None:
        lines = [what]
        if found is not None:
            lines.append(f"  found   {found}")
        if wanted is not None:
            lines.append(f"  wanted  {wanted}")
        if hint:
            lines.append(f"  hint    {hint}")
        super().__init__("\n".join(lines))


class NothingObserved(InputError):
    """No window of a stream has enough values; none of them was found to be wrong."""


class DamagedCheckpoint(InputError):
    """A checkpoint that cannot be read, or is no checkpoint; nothing was lost with it.

    Model runs are made again from the seed, to the same posterior.

    Examples
    --------
    >>> import masm
    >>> error = masm.DamagedCheckpoint("a.nc", found="a file cut short")
    >>> isinstance(error, masm.InputError)
    True
    """


class OtherCalibration(InputError):
    """A checkpoint of another calibration, or of another version of the software.

    Its model runs were asked for with other priors, options or seed. They are not
    used; the file is left as it is.

    Examples
    --------
    >>> import masm
    >>> error = masm.OtherCalibration("a.nc", found="options changed")
    >>> isinstance(error, masm.InputError)
    True
    """


class InputsChanged(InputError):
    """A checkpoint of the same calibration, made with other inputs: never mixed.

    Attributes
    ----------
    reason : str
        ``"inputs_changed"``.
    """

    reason = "inputs_changed"


class CalibrationFailed(RuntimeError):
    """A calibration that started and cannot give a posterior.

    Attributes
    ----------
    reason : str
        One of the closed list of failure reasons, such as ``"model_nan"``.

    Examples
    --------
    >>> import masm
    >>> error = masm.CalibrationFailed("all 40 model runs failed", reason="model_nan")
    >>> error.reason
    'model_nan'
    """

    def __init__(self, message: str, *, reason: str) -> None:
        super().__init__(message)
        self.reason = reason

    def __reduce__(self) -> tuple[object, ...]:
        return (_rebuild_failure, (str(self), self.reason))


def _rebuild_failure(message: str, reason: str) -> CalibrationFailed:
    return CalibrationFailed(message, reason=reason)


class SurrogateNotFitted(CalibrationFailed):
    """A surrogate cannot be fitted, or has not been."""

    def __init__(self, message: str) -> None:
        super().__init__(message, reason="surrogate_not_fitted")

    def __reduce__(self) -> tuple[object, ...]:
        return (SurrogateNotFitted, (str(self),))


def require_package(name: str, extra: str) -> None:
    """Refuse to begin without a package that only an extra of ``masm`` installs.

    Parameters
    ----------
    name : str
        As it is imported.
    extra : str
        The extra that brings it.

    Raises
    ------
    InputError
        With the command that installs it.

    Examples
    --------
    >>> require_package("json", "regions")
    """
    if find_spec(name) is None:
        raise InputError(
            name,
            found="a package that is not installed",
            wanted=f"the extra {extra!r} of masm",
            hint=f"pip install 'masm[{extra}]'",
        )
