"""One run: the stories in their order, what each came to, and a healthy world again after one that failed."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Sequence

import orjson
from rich.console import Console

from e2e import expect
from e2e.accounting import Account, Losses, judge, latest, settle
from e2e.stories import STORIES, Story
from e2e.summary import Told, broken, show, summarize, write
from e2e.world import World
from turnout.controller.flips import Waiting
from turnout.errors import TurnoutError


class Run:
    """Plays stories on one world and writes what they came to."""

    def __init__(self, world: World, console: Console, log: Callable[[str], None]) -> None:
        self._world, self._console, self._log = world, console, log
        self._told: list[Told] = []
        self._began = time.monotonic()

    def play(self, stories: Sequence[Story]) -> int:
        """All of them; the exit code."""
        for story in stories:
            told = self._play(story)
            self._told.append(told)
            self._log(f"{story.name}: {'ok' if told.ok else 'FAILED: ' + told.problem} ({told.seconds:.0f} s)")
            if not told.ok and (not story.counted or not self._reset()):
                self._log("the world can't be made healthy again, so no further story is played")
                break
        return self._end()

    def _play(self, story: Story) -> Told:
        self._log(f"{story.name}: given {story.given}; when {story.when}")
        began = time.monotonic()
        told = Told(story, ok=False, seconds=0.0)
        try:
            told.figures = story.play(self._world)
            told.figures |= expect.settled(self._world)
            told.ok = True
        except Exception as error:  # whatever it is, the others are played and everything is told
            told.problem = f"{type(error).__name__}: {error}"[:2000]
            self._dump(story)
        told.seconds = time.monotonic() - began
        told.requests = self._account(began)
        return told

    def _account(self, since: float) -> Account:
        world = self._world
        if not hasattr(world, "events"):
            return Account()
        serving = world.witness.serving(world.repository.releases)
        return judge(world.seen(since), serving=serving, faulty=world.faulty, down=world.down)

    def _dump(self, story: Story) -> None:
        """Everything that explains a failure; a part that can't be had is left out."""
        folder = self._world.folder / "dump" / story.name
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        self._log(f"{story.name}: writing {folder}")
        try:
            self._world.cluster.dump(folder)
            (folder / "turnout-status.txt").write_text(self._world.status())
            application = orjson.dumps(self._world.argo.application(), option=orjson.OPT_INDENT_2)
            (folder / "application.json").write_bytes(application)
            history = self._world.repository.workspace.git("log", "--stat", "-n", "5")
            (folder / "git-log.txt").write_text(history)
        except Exception as error:
            (folder / "incomplete.txt").write_text(f"{type(error).__name__}: {error}\n")

    def _reset(self) -> bool:
        """Commit what the last good release was, and wait until it is served and nothing else runs."""
        world = self._world
        try:
            if world.good is None:
                return False
            commit = world.repository.restore(world.good)
            if commit is not None:
                self._log(f"going back to the last good release by commit {commit.sha[:12]}")
                expect.promoted(world, world.synced(commit), seconds=240)
                world.restored = commit.sha
            expect.settled(world, seconds=120)
        except Exception as error:
            self._log(f"{type(error).__name__}: {error}")
            return False
        return True

    def _end(self) -> int:
        world = self._world
        whole, losses = Account(), Losses((), ())
        if hasattr(world, "events"):
            world.stop_load()
            whole = self._account(0.0)
            try:
                losses = self._losses()
            except Exception as error:  # what can't be looked at counts as lost
                losses = Losses((f"not looked at: {type(error).__name__}: {error}",), ())
        summary = summarize(self._told, whole, losses, world.gatekeeper.refused(), time.monotonic() - self._began)
        write(summary, world.folder / "summary.json")
        show(summary, self._console)
        return 1 if broken(summary) else 0

    def _losses(self) -> Losses:
        """Once the followers have taken over the last writes."""
        world = self._world
        views = [view.index for view in expect.live_views(world)]
        try:
            for view in views:
                Waiting(world.reader, world.names, view, check=lambda: None)()
        except TurnoutError as error:
            self._log(str(error))
        wanted = latest(world.seen(0.0))
        return settle(world.reader, documents=world.names.documents, views=views, wanted=wanted)


def chosen(names: Sequence[str]) -> tuple[Story, ...]:
    """The stories of these names in their order, with what prepares them; all without a name.

    Raises:
        KeyError: there is no story of a name.
    """
    known = {story.name for story in STORIES}
    for name in names:
        if name not in known:
            raise KeyError(name)
    return tuple(story for story in STORIES if not names or story.name in names or not story.counted)
