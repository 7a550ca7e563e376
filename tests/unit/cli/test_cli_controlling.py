"""Settings of the controller that could not work are refused when it starts, not at the first canary."""

from __future__ import annotations

import pytest

from turnout.cli.controlling import controller_settings
from turnout.errors import BadInput


def test_a_window_that_no_trial_can_be_judged_by_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TURNOUT_JUDGE_WINDOW_S", "3600")
    assert controller_settings().judge_window_s == 3600
    monkeypatch.setenv("TURNOUT_JUDGE_WINDOW_S", "3601")
    with pytest.raises(BadInput) as caught:
        controller_settings()
    assert caught.value.where == "TURNOUT_JUDGE_WINDOW_S"
