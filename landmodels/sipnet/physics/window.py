"""The five-day running mean of production (specification, section 7).

A queue of rates and their weights (step lengths) whose weights add up to five days,
kept in a ring. The sum of rate times weight is carried along, never rebuilt, so that
a run that was cut goes on with the same bits.
"""

from landmodels.kernels.compile import equation, routine
from landmodels.sipnet.physics.constants import WINDOW_DAYS, WINDOW_ENTRIES


@equation
def reset(s, npp, gpp):
    """Make the window one entry of five days."""
    s.queue_start = 0.0
    s.queue_length = 1.0
    s.queue_value[0] = npp
    s.gpp_queue_value[0] = gpp
    s.queue_weight[0] = WINDOW_DAYS
    s.queue_sum = npp * WINDOW_DAYS
    s.gpp_queue_sum = gpp * WINDOW_DAYS


@equation
def remove_oldest(s, days):
    """Take ``days`` from the oldest end of the window."""
    start = int(s.queue_start)
    length = int(s.queue_length)
    while days > 0.0 and length > 0:
        weight = s.queue_weight[start]
        if weight > days:
            s.queue_weight[start] = weight - days
            s.queue_sum -= days * s.queue_value[start]
            s.gpp_queue_sum -= days * s.gpp_queue_value[start]
            break
        s.queue_sum -= weight * s.queue_value[start]
        s.gpp_queue_sum -= weight * s.gpp_queue_value[start]
        start = (start + 1) % WINDOW_ENTRIES
        length -= 1
        days -= weight
    s.queue_start = float(start)
    s.queue_length = float(length)


@equation
def add(s, npp, gpp, dt):
    """Put the rates of a step of ``dt`` days into the window."""
    if dt >= WINDOW_DAYS:
        reset(s, npp, gpp)
        return
    remove_oldest(s, dt)
    end = (int(s.queue_start) + int(s.queue_length)) % WINDOW_ENTRIES
    s.queue_value[end] = npp
    s.gpp_queue_value[end] = gpp
    s.queue_weight[end] = dt
    s.queue_length += 1.0
    s.queue_sum += npp * dt
    s.gpp_queue_sum += gpp * dt


@routine
def oldest_first(s, spare):
    """Turn the ring so that its oldest entry is the first, with zeros behind.

    ``spare`` is scratch of three rows of the window's length.
    """
    start = int(s.queue_start)
    length = int(s.queue_length)
    for k in range(length):
        i = (start + k) % WINDOW_ENTRIES
        spare[0, k] = s.queue_value[i]
        spare[1, k] = s.queue_weight[i]
        spare[2, k] = s.gpp_queue_value[i]
    for k in range(WINDOW_ENTRIES):
        inside = k < length
        s.queue_value[k] = spare[0, k] if inside else 0.0
        s.queue_weight[k] = spare[1, k] if inside else 0.0
        s.gpp_queue_value[k] = spare[2, k] if inside else 0.0
    s.queue_start = 0.0
