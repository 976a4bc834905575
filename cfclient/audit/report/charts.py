"""The charts of the HTML report: specifications in the language of Vega-Lite, drawn as SVG by vl-convert.

Colours are those of the light theme; the page's style sheet replaces each by its variable, so that the
charts follow the theme.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from cfclient.audit.model import Severity

from .plain import Plain

__all__ = ["MOST", "MOST_LINES", "NARROW", "WHOLE", "WIDE", "by_rule", "by_severity", "caption", "overview", "svg"]

#: so many rules are charted at most, as bars and as lines of the overview
MOST, MOST_LINES = 24, 48
#: widths of the plot, beside the axis, in the columns of the page
WIDE, NARROW, WHOLE = 440, 130, 980

#: the page's style sheet knows these very values
COLOURS: Final[Mapping[str, str]] = {
    "critical": "#8c1626",
    "high": "#bf3f0a",
    "medium": "#8a5a00",
    "low": "#1b6a9c",
    "info": "#5f6771",
    "nothing": "#17683b",
}

#: up to here the table below shows every zone without turning more than a page
_FEW: Final = 50
_COLUMNS: Final = 120

_CONFIG: Final[Plain] = {
    "background": None,
    "font": "Arial",
    "view": {"stroke": None},
    "axis": {"labelFontSize": 12, "titleFontSize": 12, "titleFontWeight": "normal", "labelLimit": 200, "domain": False},
}
_SCALE: Final[Plain] = {"domain": list(COLOURS), "range": list(COLOURS.values())}


def svg(spec: Plain) -> str:
    """The chart as an SVG element."""
    import vl_convert

    return vl_convert.vegalite_to_svg({"$schema": "https://vega.github.io/schema/vega-lite/v5.json", **spec})


def _bars(values: list[Plain], field: str, counted: str, width: int, described: str) -> Plain:
    y = {"field": field, "type": "nominal", "sort": None, "title": None, "axis": {"ticks": False, "labelPadding": 8}}
    most = max([1, *(value[counted] for value in values)])
    x = {
        "field": counted,
        "type": "quantitative",
        "title": counted,
        "axis": {"tickMinStep": 1, "format": ",d", "tickCount": min(most, max(2, width // 80))},
    }
    colour = {"field": "severity", "type": "nominal", "scale": _SCALE, "legend": None}
    return {
        "description": described,
        "width": width,
        "height": {"step": 24},
        "data": {"values": values},
        "encoding": {"y": y, "x": x},
        "layer": [
            {"mark": {"type": "bar", "cornerRadiusEnd": 2, "height": 15}, "encoding": {"color": colour}},
            {
                "mark": {"type": "text", "align": "left", "dx": 5, "fontSize": 12, "aria": False},
                "encoding": {"text": {"field": counted, "type": "quantitative", "format": ",d"}},
            },
        ],
        "config": _CONFIG,
    }


def by_severity(numbers: Mapping[Severity, int]) -> Plain:
    """A bar for each severity, worst first."""
    values = [{"severity": level.value, "findings": numbers.get(level, 0)} for level in reversed(Severity)]
    return _bars(values, "severity", "findings", 210, "Findings by severity")


def by_worst(numbers: Mapping[Severity | None, int]) -> Plain:
    """A bar for each severity: in how many zones it is the worst; None for the zones without a finding."""
    levels = (*reversed(Severity), None)
    values = [{"severity": level.value if level else "nothing", "zones": numbers.get(level, 0)} for level in levels]
    return _bars(values, "severity", "zones", 210, "Zones by their worst finding")


def by_rule(rules: Sequence[tuple[str, str, int]], width: int) -> Plain:
    """A bar for each rule, in their order, in the colour of its severity."""
    values = [{"rule": rule, "severity": severity, "findings": number} for rule, severity, number in rules]
    return _bars(values, "rule", "findings", width, "Findings by rule")


def caption(zones: int, lines: int, rules: int) -> str:
    """What a column of the overview is, of so many zones, with so many of the rules as lines."""
    first = f"the first {lines} of {rules} rules; " if lines < rules else ""
    if zones <= _COLUMNS:
        return f"{first}a column is a zone, the worst on the left"
    return (
        f"{first}{zones:,} zones in {_COLUMNS} columns, the worst on the left; the stronger the colour, "
        "the more of them"
    )


def overview(zones: Sequence[frozenset[str]], rules: Sequence[tuple[str, str]]) -> Callable[[int], Plain] | None:
    """Zones in their order, gathered into columns, by rules; None where the table shows them all anyway.

    Args:
        zones: the rules that found something in each zone.
        rules: the rules that are shown, each with its severity.
    """
    if len(zones) <= _FEW:
        return None
    columns = min(len(zones), _COLUMNS)
    dense = len(rules) > MOST
    values: list[dict[str, Any]] = []
    for column in range(columns):
        group = zones[column * len(zones) // columns : (column + 1) * len(zones) // columns]
        for rule, severity in rules:
            hits = sum(rule in zone for zone in group)
            if hits:
                values.append({"column": column, "rule": rule, "severity": severity, "share": hits / len(group)})

    def at(width: int) -> Plain:
        return {
            "description": "Which rules found something in which zones, the worst zones on the left",
            "width": width,
            "height": {"step": 12 if dense else 16},
            "data": {"values": values},
            "mark": {"type": "rect", "aria": False},
            "encoding": {
                "x": {
                    "field": "column",
                    "type": "ordinal",
                    "title": "zones, worst first",
                    "scale": {"domain": list(range(columns)), "paddingInner": 0.12},
                    "axis": {"labels": False, "ticks": False},
                },
                "y": {
                    "field": "rule",
                    "type": "nominal",
                    "title": None,
                    "sort": [rule for rule, _ in rules],
                    "scale": {"paddingInner": 0.12},
                    "axis": {"ticks": False, "labelPadding": 8, "labelFontSize": 10 if dense else 12},
                },
                "color": {"field": "severity", "type": "nominal", "scale": _SCALE, "legend": None},
                "opacity": {
                    "field": "share",
                    "type": "quantitative",
                    "scale": {"domain": [0, 1], "range": [0.15, 1]},
                    "legend": None,
                },
            },
            "config": _CONFIG,
        }

    return at
