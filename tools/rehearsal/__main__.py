"""Rehearses the whole loop: listeners, Airflow, registry, ranker; `make demo-retrain`."""

import argparse
import json
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from quintet_command.ports import free_ports
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from tools import leftovers
from tools.processes import Processes, ProcessFailed
from tools.rehearsal.failure import RehearsalFailed
from tools.rehearsal.listeners import PROBE_LENGTH, PROBES, Gateway, Traffic, liked_share, listen
from tools.rehearsal.music import Music, compose, write_playlists
from tools.rehearsal.scheduler import Airflow

ROOT = Path(__file__).parents[2]
MARGIN = 0.10
"""Stated beforehand: so much more of a list is liked after the retraining."""
SEED = 3
BUDGET = ("--trials", "0", "--threads", "2")
_console = Console(highlight=False, soft_wrap=True)
OnProgress = Callable[[float, str], None]


class Rehearsal:
    """One run of the whole loop in a separate folder."""

    def __init__(self, folder: Path, airflow: Path, processes: Processes) -> None:
        self.home = folder / "home"
        self._folder, self._processes = folder, processes
        names = ("GATEWAY", "SEARCH", "PROFILE", "RANKER", "MEMORY", "MLFLOW", "GATEWAY_GRPC")
        ports = free_ports(len(names) + 1)
        self._environment = {
            "QUINTET_HOME": str(self.home),
            "QUINTET_HOST": "127.0.0.1",
            **{f"QUINTET_{n}_PORT": str(p) for n, p in zip(names, ports[:-1], strict=True)},
        }
        self._quintet = str(Path(sys.executable).with_name("quintet"))
        self.address = f"http://127.0.0.1:{ports[0]}"
        self.gateway = Gateway(self.address)
        tasks = {**self._environment, "QUINTET_COMMAND": self._quintet}
        self.airflow = Airflow(airflow, ROOT / "dags", folder / "airflow", ports[-1], tasks)

    def start(self, on_progress: OnProgress) -> None:
        """Start product and Airflow, and wait for both."""
        on_progress(0.0, "starting services and registry")
        up = [self._quintet, "up", "--without-ui"]
        self._processes.start("quintet-up", up, self._environment)
        on_progress(0.1, "making Airflow's database")
        self.airflow.start(self._processes)
        self._wait(
            self.gateway.not_ready, 300, lambda left: on_progress(0.4, f"waiting for {left}")
        )
        self._wait(
            self.airflow.not_ready, 300, lambda left: on_progress(0.7, f"waiting for {left}")
        )
        self.airflow.log_in()
        wanted = {"ranker_retrain", "promote"}
        self._wait(
            lambda: sorted(wanted - self.airflow.dags()),
            300,
            lambda left: on_progress(0.9, f"{left}"),
        )
        on_progress(1.0, "all are up")

    def first_model(self, on_progress: OnProgress) -> tuple[Music, str]:
        """Trains, measures, registers and promotes a model that never met the listeners."""
        music = compose(self.home, SEED)
        playlists, report = self._folder / "playlists.csv", self._folder / "report.json"
        metrics = self._folder / "metrics.json"
        write_playlists(music, playlists)
        on_progress(0.0, f"importing {len(music.playlists)} playlists")
        self.quintet("playlists", "import", str(playlists), "--licence", "made up")
        on_progress(0.1, "training")
        lines = self.quintet("train", "--no-serve", "--no-register", "--json", *BUDGET).splitlines()
        model = str(json.loads(lines[-1])["version"])
        on_progress(0.4, "evaluating")
        self.quintet("evaluate", *BUDGET, "--json", str(report), "--metrics", str(metrics))
        on_progress(0.9, "registering")
        given = ("--metrics", str(metrics), "--artefact", str(report))
        self.quintet("models", "register", model, *given)
        # The first of all is what later ones are held against.
        self.quintet("models", "promote", model, "--without-gate")
        self.wait_for(model, on_progress)
        return music, model

    def wait_for(self, model: str, on_progress: OnProgress) -> None:
        """Wait until the running ranker serves a model."""
        self._wait(
            lambda: [] if self.gateway.model() == model else [model],
            180,
            lambda left: on_progress(0.95, f"waiting for the ranker to serve {left}"),
        )

    def retrain(self, on_progress: OnProgress) -> tuple[list[str], str]:
        """Lets Airflow retrain and promote; returns the tasks and the new champion."""
        for dag in ("promote", "ranker_retrain"):
            self.airflow.unpause(dag)
        run = self.airflow.trigger("ranker_retrain", {"trials": 0, "threads": 2})
        tasks = self.airflow.follow(
            "ranker_retrain", run, 1500, lambda n, of, text: on_progress(0.8 * n / max(1, of), text)
        )
        self._wait(
            lambda: [] if self.airflow.runs("promote") else ["the event of the gate"],
            180,
            lambda left: on_progress(0.8, f"waiting for {left}"),
        )
        tasks += self.airflow.follow(
            "promote",
            self.airflow.runs("promote")[0],
            300,
            lambda n, of, text: on_progress(0.8 + 0.2 * n / max(1, of), text),
        )
        listed = json.loads(self.quintet("models", "list", "--json"))
        champion = next(model for model in listed if "champion" in model["aliases"])
        return tasks, str(champion["bundle"])

    def quintet(self, *arguments: str) -> str:
        """Run a command of the product."""
        return self._processes.run(
            f"quintet-{arguments[0]}", [self._quintet, *arguments], self._environment, 600
        )

    def _wait(
        self, left: Callable[[], list[str]], seconds: float, on_progress: Callable[[str], None]
    ) -> None:
        deadline = time.monotonic() + seconds
        while missing := left():
            on_progress(", ".join(missing))
            self._processes.check()
            if time.monotonic() > deadline:
                raise RehearsalFailed(f"still waiting for {', '.join(missing)}")
            time.sleep(0.25)


@contextmanager
def stage(name: str) -> Iterator[OnProgress]:
    """Show a bar while a stage runs, and one line when it is done."""
    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    started = time.monotonic()
    with Progress(*columns, console=_console, transient=True) as bar:
        task = bar.add_task(name, total=1.0)
        yield lambda share, text: bar.update(task, completed=share, description=f"{name}: {text}")
    _console.print(f"[green]✓[/] {name} [dim]{time.monotonic() - started:.0f} s[/]")


def rehearse(folder: Path, airflow: Path) -> None:
    """Show the whole loop.

    Raises:
        RehearsalFailed: It does not do what it should.
    """
    with Processes(folder / "logs") as processes:
        show = Rehearsal(folder, airflow, processes)
        with stage("Services, registry and Airflow start") as on_progress:
            show.start(on_progress)
        with stage("A first model learns from playlists") as on_progress:
            music, first = show.first_model(on_progress)
        _console.print(
            f"  {first} serves. Listeners like {len(music.taste)} tracks of 40 artists that no "
            f"playlist holds.\n  Stated beforehand: after one retraining at least "
            f"{100 * MARGIN:.0f} points more of the first {PROBE_LENGTH} tracks are liked, over "
            f"{PROBES} requests; no request fails."
        )
        before = liked_share(show.gateway, music.taste, SEED)
        with stage("Listeners listen") as on_progress:
            on_progress(0.0, "asking, liking, skipping")
            liked, skipped = listen(show.gateway, music.taste, SEED + 1)
        _console.print(f"  {liked} tracks liked, saved or added, {skipped} skipped")
        everything = [track for playlist in music.playlists for track in playlist]
        with Traffic(show.address, everything, SEED) as traffic:
            with stage("Airflow retrains, gates and promotes") as on_progress:
                tasks, champion = show.retrain(on_progress)
            with stage("The ranker takes it up") as on_progress:
                show.wait_for(champion, on_progress)
                after = liked_share(show.gateway, music.taste, SEED)
        for line in tasks:
            _console.print(f"  {line}")
        _judge(first, champion, before, after, traffic)


def _judge(first: str, champion: str, before: float, after: float, traffic: Traffic) -> None:
    counts = ", ".join(f"{n} by {model}" for model, n in traffic.answers.items())
    _console.print(f"  champion: {first} → {champion}")
    _console.print(f"  requests meanwhile: {counts}; {len(traffic.failures)} failed")
    _console.print(
        f"  liked among the first {PROBE_LENGTH}: {before:.1%} → {after:.1%} "
        f"({100 * (after - before):+.1f} points, {100 * MARGIN:.0f} stated)"
    )
    if champion == first:
        raise RehearsalFailed("the champion did not change")
    if traffic.failures:
        raise RehearsalFailed(f"requests failed during the swap: {traffic.failures[0]}")
    if not {first, champion} <= set(traffic.answers):
        raise RehearsalFailed("the traffic did not meet both models")
    if after - before < MARGIN:
        raise RehearsalFailed("lists do not hold as much more of what is liked as was stated")
    _console.print("[bold green]✓ lists hold more of what listeners like[/]")


def main() -> int:
    """Run the rehearsal; its files stay where it fails."""
    leftovers.watch()
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--airflow", type=Path, required=True, help="the airflow command")
    chosen = parser.parse_args()
    if not chosen.airflow.exists():
        _console.print(f"error: there is no {chosen.airflow}; run make airflow-install")
        return 2
    started = time.monotonic()
    folder = Path(tempfile.mkdtemp(prefix="quintet-rehearsal-"))
    try:
        rehearse(folder, chosen.airflow.absolute())
    except (ProcessFailed, RehearsalFailed) as fault:
        _console.print(f"[bold red]✗[/] {fault}\n  files: {folder}")
        return 1
    except KeyboardInterrupt:
        _console.print(f"stopped; files: {folder}")
        return 130
    shutil.rmtree(folder, ignore_errors=True)
    _console.print(f"[dim]{time.monotonic() - started:.0f} s in all[/]")
    return 0


if __name__ == "__main__":
    sys.exit(main())
