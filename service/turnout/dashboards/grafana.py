"""The dashboards as Grafana reads them, by the builders of its Foundation SDK. Called by `turnout dashboards --write`.

Importing this module needs `grafana-foundation-sdk`, a part of the extra `check`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from grafana_foundation_sdk.builders import common, dashboard, prometheus, statetimeline, timeseries
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models import common as common_models
from grafana_foundation_sdk.models import dashboard as models

from turnout.dashboards.panels import Dashboard, Mark, Panel, Place, Section, placed

_SOURCE = models.DataSourceRef(type_val="prometheus", uid="${datasource}")
_COLLECTIONS = "label_values(turnout_release_info, collection)"
_TAG = "turnout"
_DASHES = {"fill": "dash", "dash": [10, 10]}


def grafana_json(board: Dashboard) -> str:
    """The dashboard's file, the same at each call; ends with a line break."""
    built = (
        dashboard.Dashboard(board.title)
        .uid(f"turnout-{board.name}")
        .description(board.description)
        .tags([_TAG])
        .readonly()
        .timezone("browser")
        .tooltip(models.DashboardCursorSync.CROSSHAIR)
        .time(f"now-{board.since}", "now")
        .refresh("30s")
        .with_variable(dashboard.DatasourceVariable("datasource").label("Prometheus").type("prometheus"))
        .with_variable(_collection())
        .annotations([_annotation(mark) for mark in board.marks])
        .links([_others()])
    )
    for number, (each, place) in enumerate(placed(board), start=1):
        if isinstance(each, Section):
            built.with_row(dashboard.Row(each.title).id(number).grid_pos(_grid(place)))
        else:
            built.with_panel(_panel(each).id(number).grid_pos(_grid(place)))
    return json.dumps(built.build(), cls=JSONEncoder, indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def _collection() -> dashboard.QueryVariable:
    return (
        dashboard.QueryVariable("collection")
        .label("Collection")
        .datasource(_SOURCE)
        .query({"query": _COLLECTIONS, "refId": "collection", "qryType": 1})
        .refresh(models.VariableRefresh.ON_TIME_RANGE_CHANGED)
        .sort(models.VariableSort.ALPHABETICAL_ASC)
    )


def _others() -> dashboard.DashboardLink:
    """From each dashboard to the others, with the collection and the time that are looked at."""
    return (
        dashboard.DashboardLink("Turnout")
        .type(models.DashboardLinkType.DASHBOARDS)
        .tags([_TAG])
        .as_dropdown(False)
        .include_vars(True)
        .keep_time(True)
    )


class _Annotation(models.AnnotationQuery):
    """The SDK's, with what the Prometheus data source wants to know beside it."""

    def __init__(self, mark: Mark) -> None:
        super().__init__(mark.title, _SOURCE, icon_color=mark.colour, expr=mark.promql)
        self._mark = mark

    def to_json(self) -> dict[str, object]:
        """As Grafana reads it. A step of a minute, so that what happened within one is marked once."""
        return super().to_json() | {"step": "60s", "titleFormat": self._mark.title, "textFormat": self._mark.text}

    def build(self) -> models.AnnotationQuery:
        """As a builder, which the dashboard's wants."""
        return self


def _annotation(mark: Mark) -> Any:
    return _Annotation(mark)


def _grid(place: Place) -> models.GridPos:
    return models.GridPos(h=place.height, w=place.width, x=place.x, y=place.y)


def _panel(panel: Panel) -> timeseries.Panel | statetimeline.Panel:
    built = _timeline(panel) if panel.states else _lines(panel)
    built.title(panel.title).description(_described(panel)).datasource(_SOURCE).unit(panel.unit)
    if panel.every_s:
        built.interval(f"{panel.every_s:g}s")
    for number, query in enumerate(panel.queries):
        ref = chr(ord("A") + number)
        target = prometheus.Dataquery().expr(query.promql).legend_format(query.legend).ref_id(ref).range()
        built.with_target(target.datasource(_SOURCE))
        if query.dashed:
            built.override_by_query(ref, [models.DynamicConfigValue("custom.lineStyle", _DASHES)])
    return built


def _described(panel: Panel) -> str:
    """With the reasons for which it may be empty, for that is what a reader of an empty panel asks."""
    reasons = dict.fromkeys(filter(None, (panel.may_be_quiet(query) for query in panel.queries)))
    return panel.description + "".join(f"\n\nEmpty if {reason}." for reason in reasons)


def _lines(panel: Panel) -> timeseries.Panel:
    shown = common.VizLegendOptions().show_legend(True).calcs(["lastNotNull"])
    shown.display_mode(common_models.LegendDisplayMode.LIST).placement(common_models.LegendPlacement.BOTTOM)
    tooltip = common.VizTooltipOptions().mode(common_models.TooltipDisplayMode.MULTI)
    tooltip.sort(common_models.SortOrder.DESCENDING)
    built = timeseries.Panel().legend(shown).tooltip(tooltip).line_width(2).fill_opacity(0)
    built.show_points(common_models.VisibilityMode.AUTO).axis_soft_min(0)
    # By name, so that a release has one colour in all panels.
    built.color_scheme(dashboard.FieldColor().mode(models.FieldColorModeId.PALETTE_CLASSIC_BY_NAME))
    if panel.top is not None:
        built.axis_soft_max(panel.top)
    if panel.limit is not None:
        steps = [models.Threshold(color="transparent"), models.Threshold(value=panel.limit, color="red")]
        built.thresholds(dashboard.ThresholdsConfig().mode(models.ThresholdsMode.ABSOLUTE).steps(steps))
        built.thresholds_style(common.GraphThresholdsStyleConfig().mode(common_models.GraphTresholdsStyleMode.DASHED))
    return built


def _timeline(panel: Panel) -> statetimeline.Panel:
    options = {
        str(state.value): models.ValueMappingResult(text=state.word, color=state.colour, index=number)
        for number, state in enumerate(panel.states)
    }
    built = statetimeline.Panel().mappings([models.ValueMap(options=options)]).merge_values(True)
    built.show_value(common_models.VisibilityMode.AUTO).row_height(0.8).fill_opacity(80)
    built.legend(common.VizLegendOptions().show_legend(False))
    return built.color_scheme(dashboard.FieldColor().mode(models.FieldColorModeId.THRESHOLDS))


def files(boards: Iterable[Dashboard]) -> dict[str, str]:
    """The content of each file by its name."""
    return {f"{board.name}.json": grafana_json(board) for board in boards}
