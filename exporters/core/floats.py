"""Numbers as the exposition formats write them."""

from __future__ import annotations

import math


def go_float(value: float) -> str:
    """A float as Go's strconv.FormatFloat(f, 'g', -1, 64) writes it, which is what Prometheus clients expose.

    Always with a fraction or an exponent (`1.0`, `1.048576e+06`), as OpenMetrics asks of `le`.
    """
    if value == math.inf:
        return "+Inf"
    if value == -math.inf:
        return "-Inf"
    if math.isnan(value):
        return "NaN"
    text = repr(float(value))
    point = text.find(".")
    # Go switches to an exponent from 1e6 on (seven digits before the point); Python only from 1e16.
    if value > 0 and point > 6:
        mantissa = f"{text[0]}.{text[1:point]}{text[point + 1 :]}".rstrip("0.")
        return f"{mantissa}e+{point - 1:02d}"
    return text
