"""The report: numbers that a registry takes, JSON, a table that fits, a page that stands alone."""

import io
import json
import math
import re
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest
from quintet_training.evaluation import EvaluationOptions, run
from quintet_training.evaluation.baselines import baselines
from quintet_training.evaluation.intervals import Interval
from quintet_training.evaluation.page import page
from quintet_training.evaluation.report import Decile, Report, Section
from quintet_training.evaluation.tables import tables
from rich.console import Console

HOSTILE = '<script>alert("x")</script>'


@pytest.fixture(scope="module")
def report(catalogue_of) -> Report:
    random = np.random.default_rng(7)
    catalogue = catalogue_of(
        [f"artist {row % 90}" for row in range(400)], popularity=random.integers(0, 101, 400)
    )
    playlists = [(number % 2) * 200 + random.choice(200, 20, replace=False) for number in range(40)]
    names = [f"{HOSTILE} {number}" for number in range(len(playlists))]
    options = EvaluationOptions(seed_counts=(1, 5), growth=(0.1, 0.5))
    audio = baselines(catalogue, [], seed=1)["standardised_cosine"]

    def train(known, _kinds, _purpose):
        return baselines(catalogue, known, seed=1)["hand_made"]

    kinds = [(HOSTILE, "", "charts")[number % 3] for number in range(len(playlists))]
    return run(catalogue, playlists, names, train, options, bootstrap=audio, kinds=kinds,
               dial=lambda _value: audio, defaults=lambda: audio,
               scored=lambda: lambda seeds: ranked(audio(seeds)))  # fmt: skip


def ranked(rows):
    """Give rows with scores that fall from place to place."""
    return rows, -np.arange(len(rows), dtype=np.float64)


def printed(report: Report, width: int) -> str:
    text = io.StringIO()
    Console(width=width, file=text, color_system=None).print(tables(report))
    return text.getvalue()


@pytest.fixture(scope="module")
def html(report) -> str:
    return page(report)


class Page(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.open: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, {name: value or "" for name, value in attrs}))
        if tag not in {"meta", "img"}:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def of(self, tag: str) -> list[dict[str, str]]:
        return [attributes for name, attributes in self.tags if name == tag]


def test_metrics_have_names_that_a_registry_takes_and_finite_values(report):
    metrics = report.metrics()
    assert {
        *("ndcg_500.five_seeds", "ndcg_500.five_seeds.lower", "ndcg_500.five_seeds.upper"),
        *("ndcg_500.share_10.five_seeds", "recall_500.share_50.five_seeds.upper"),
        *("ndcg_500.defaults", "calibration_error.five_seeds", "calibration_error.kind_charts"),
        *("hit_rate.decile_10.five_seeds.lower", "predicted_hit_rate.decile_1.five_seeds"),
        *("ndcg_500.dial_80.five_seeds", "known_of_ten.dial_80.five_seeds.lower"),
        *("r_precision.one_seed", "clicks.five_seeds", "recall_500.cold", "coverage.five_seeds"),
        *("hand_made.ndcg_500.five_seeds", "difference.als.ndcg_500.five_seeds.lower"),
        *("ratio.ndcg_500.hand_made.five_seeds", "ratio.recall_500.standardised_cosine.cold"),
        *("ndcg_500.only_audio", "difference.standardised_cosine.ndcg_500.only_audio"),
        "recall_500.decile_1.five_seeds",
    } <= set(metrics)
    for name, value in metrics.items():
        # MLflow: letters, digits, underscores, dashes, periods, spaces, slashes; 250 at most.
        assert re.fullmatch(r"[a-z0-9_.]{1,250}", name)
        assert math.isfinite(value)


def test_metrics_are_the_report_s_own_means(report):
    metrics = report.metrics()
    assert metrics["ndcg_500.five_seeds"] == report.main.methods["model"]["ndcg"].mean
    assert metrics["ratio.ndcg_500.hand_made.five_seeds"] == pytest.approx(1.0)
    assert metrics["difference.hand_made.recall_500.five_seeds"] == 0


def test_kinds_are_reported_one_by_one_and_share_the_cases_of_the_main_section(report):
    assert [one.name for one in report.by_kind] == [
        *("kind_none", "kind_script_alert_x_script", "kind_charts")
    ]
    assert sum(one.cases for one in report.by_kind) == report.main.cases
    weighted = sum(one.cases * one.methods["model"]["ndcg"].mean for one in report.by_kind)
    assert weighted / report.main.cases == pytest.approx(report.main.methods["model"]["ndcg"].mean)
    assert "kind_charts" in {name.split(".")[1] for name in report.metrics() if "." in name}


def test_genres_nobody_knows_leave_calibration_out(report):
    assert not [name for name in report.metrics() if "calibration" in name.split(".")]
    assert json.loads(report.to_json())["by_seeds"][0]["methods"]["als"]["calibration"] == {
        **{"mean": None, "lower": None, "upper": None},
        "playlists": 0,
    }


def test_json_holds_everything(report):
    found = json.loads(report.to_json())
    assert found["options"]["seed_counts"] == [1, 5]
    assert [one["name"] for one in found["by_seeds"]] == ["one_seed", "five_seeds"]
    assert len(found["playlists"]) == found["by_seeds"][1]["cases"]
    assert {"deciles", "differences", "cold", "only_audio", "to_hand_made"} <= set(found)
    assert found["apart"]["random"]["clicks"] == report.apart("random", "clicks")


def test_the_summary_names_the_baselines_that_the_model_is_not_clearly_above(report):
    # The model is the hand-made sum, which here finds what neighbours find.
    text = " ".join(printed(report, 80).split())
    assert re.search(r"above those of \d of 8 baselines; not [\w ,]*playlist kNN", text)


def test_the_table_fits_eighty_columns_without_cutting_anything(report):
    text = printed(report, 80)
    assert "…" not in text
    for word in (
        "How often a track",
        "calibration error",
        "predicted",
        "NDCG@500",
        "hand-made sum",
        "Cold tracks alone",
        "Only audio",
        "popularity",
    ):
        assert word in text
    mean = report.main.methods["model"]["ndcg"].mean
    assert re.search(rf"^ *model +.*{mean:.3f}", text, re.MULTILINE)


def test_the_page_stands_alone(html):
    page = Page(html)
    assert page.open == []
    assert not page.of("script")
    assert not page.of("link")
    assert all(image["src"].startswith("data:image/svg+xml;base64,") for image in page.of("img"))
    assert "url(" not in html
    assert not re.search(r"""(src|href)=["']?(https?:)?//""", html)


def test_every_picture_says_in_words_what_it_shows(report, html):
    alternatives = [image["alt"] for image in Page(html).of("img")]
    assert len(alternatives) == len(set(alternatives)) == 5
    assert f"model {report.main.methods['model']['ndcg'].mean:.3f}" in alternatives[0]


def test_every_table_has_a_caption_and_headings_with_a_scope(html):
    page = Page(html)
    assert len(page.of("table")) == len(page.of("caption")) == 14
    assert {heading["scope"] for heading in page.of("th")} == {"col", "row"}


def test_one_report_is_one_page(report, html):
    assert page(report) == html


def test_what_others_named_is_escaped(report):
    renamed = replace(report, by_seeds=tuple(_titled(one) for one in report.by_seeds))
    text = page(renamed)
    assert HOSTILE not in text
    assert "&lt;script&gt;" in text


def test_a_report_of_one_number_of_seeds_and_nothing_else_still_draws():
    nothing = Interval(float("nan"), float("nan"), float("nan"), 0)
    some = Interval(0.5, 0.4, 0.6, 3)
    names = ("r_precision", "r_precision_artists", "ndcg", "clicks", "recall", "mrr")
    values = dict.fromkeys(names, some) | dict.fromkeys(
        ("novelty", "artist_diversity", "calibration"), nothing
    )
    methods = {"model": values, "hand_made": values}
    section = Section("five_seeds", "Five seeds", 5, 3, methods, {"model": 0.1, "hand_made": 0.1})
    counts = dict.fromkeys(("tracks", "playlists", "groups", "training", "held_out"), 3)
    small = Report(
        options={"limit": 500, "seed": 1},
        counts=counts,
        by_seeds=(section,),
        primary="five_seeds",
        differences={"hand_made": values},
        to_hand_made=dict.fromkeys(names, nothing),
        deciles=(Decile(1, 0, 0, 3, {"model": 0.5, "hand_made": 0.5}),),
        playlists=(),
    )
    assert len(Page(page(small)).of("img")) == 4
    assert "n/a" in printed(small, 80)
    assert "Cold" not in printed(small, 80)


def _titled(section: Section) -> Section:
    return replace(section, title=f"{HOSTILE} {section.title}")


def test_growth_ends_with_all_playlists_and_has_each_kind(report):
    assert [point.share for point in report.growth] == [0.1, 0.5, 1.0]
    assert [point.playlists for point in report.growth] == [3, 15, report.counts["training"]]
    last = report.growth[-1]
    assert last.ndcg.mean == pytest.approx(report.main.methods["model"]["ndcg"].mean)
    of_kinds = [one.methods["model"]["ndcg"].mean for one in report.by_kind]
    assert [one.mean for one in last.by_kind.values()] == pytest.approx(of_kinds)
    text = " ".join(printed(report, 80).split())
    assert "The model trained on a part of the playlists, and on all" in text
