"""build/demo/report.html: one page without any network, the figures first and the pictures below them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jinja2
import numpy as np

from demo import plots
from demo.sampling import Witness
from demo.summary import Outcome, broken
from demo.traffic import Load, Sample

TEMPLATE = Path(__file__).parent / "report.html.jinja"


def write_report(path: Path, summary: dict[str, Any], outcome: Outcome, load: Load, witness: Witness) -> Path:
    """Render the report; its path."""
    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True)
    environment.filters["n"] = lambda number, digits=0: f"{number:,.{digits}f}"
    template = environment.from_string(TEMPLATE.read_text())
    labels = dict.fromkeys(witness.curves, "the release with lost text")
    labels |= {view: f"release {letter}" for letter, view in zip("AB", outcome.views, strict=False)}
    path.write_text(
        template.render(
            summary=summary,
            broken=broken(summary),
            latency_rows=_phases(load.searches.samples, outcome.marks),
            quality_svg=plots.quality_per_query(outcome.quality["by_query"], outcome.quality["metric"]),
            latency_svg=plots.latency(load.searches.samples, outcome.marks),
            pictures={tried.play.name: tried.picture for tried in outcome.canary},
            views_svg=plots.documents_and_lag(witness.curves, labels, outcome.marks),
        )
    )
    return path


def _phases(samples: list[Sample], marks: list[tuple[float, str]]) -> list[dict[str, Any]]:
    """Latency of the service before, during and after the change: milliseconds at three percentiles."""
    at = {text: seconds for seconds, text in marks}
    began, ended = at["apply B"], at["traffic on B"]
    phases = [
        ("before: release A, quiet", [s.milliseconds for s in samples if s.at < began]),
        ("during: release A, B being built", [s.milliseconds for s in samples if began <= s.at < ended]),
        ("after: release B", [s.milliseconds for s in samples if ended <= s.at < at["bad chunks"]]),
    ]
    return [
        {"name": name, "answers": len(took), "p": [float(np.percentile(took, q)) for q in (50, 95, 99)]}
        for name, took in phases
        if took
    ]
