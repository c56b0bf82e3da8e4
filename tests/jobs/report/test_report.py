"""The report shows what is on disk, escapes what anybody wrote, and works in a browser.

The process model is the linear one; half of the pixels are left to do.
"""

from __future__ import annotations

import dataclasses
import html
import json
import re
import shutil
import subprocess
from html.parser import HTMLParser
from importlib.resources import files
from pathlib import Path
from urllib.parse import unquote

import h5py
import linear_model
import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from jobs.cli.app import app
from jobs.config.priors import prior_bounds
from jobs.exit_codes import Exit
from jobs.report import sections
from jobs.report.results import Results
from jobs.report.sections import parameter_section
from jobs.run.run import open_run
from landdata import generate_weather, harvard_normals

HOSTILE = ("<script>alert(1)</script>", '"><img src=x onerror=alert(2)>', "$\\frac{")
CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
needs_chromium = pytest.mark.skipif(
    CHROMIUM is None, reason="no chromium on this machine (apt-get install chromium)"
)

CONFIG = """\
name: '</script><b>bold & "quoted" $\\frac{'
seed: 11
pixels: {source: table, table: places.csv, forcing: "forcing/{id}.nc"}
periods: {spinup: 2001, calibration: 2002, validation: 2003}
streams: {gpp: {variance: given}, lai: {variance: given}}
twin:
  truth: random
  noise: {gpp: {fraction: 0.05, floor: 0.2}, lai: {fraction: 0.05, floor: 0.1}}
calibration:
  method: published
  options: {n_iterations: 2, n_draws: 2000, n_steps: 400, n_initial_per_parameter: 10}
  keep_draws: 100
  blocks: [{streams: [gpp, lai], parameters: [vmax, p18]}]
execution: {max_failed_fraction: 1}
"""


@pytest.fixture(scope="module")
def half_done(tmp_path_factory):
    """A run with three finished pixels, one failed and two waiting; reported."""
    path = tmp_path_factory.mktemp("report") / "run"
    (path / "forcing").mkdir(parents=True)
    (path / "config.yaml").write_text(CONFIG)
    table = pd.DataFrame(
        {
            "id": range(1, 7),
            "name": [*HOSTILE, "no weather", "later", "later still"],
            "latitude": np.linspace(36, 45, 6),
            "longitude": np.linspace(-90, -75, 6),
            "elevation": 300,
            "sand": 60,
            "clay": 10,
        }
    )
    table.to_csv(path / "places.csv", index=False)
    for pixel_id in (1, 2, 3):
        weather = generate_weather(
            harvard_normals(), (2001, 2003), np.random.default_rng(pixel_id)
        )
        place = table.set_index("id").loc[pixel_id]
        weather["lat"], weather["lon"] = place["latitude"], place["longitude"]
        weather["elevation"] = place["elevation"]
        weather.to_netcdf(path / "forcing" / f"{pixel_id}.nc", engine="h5netcdf")
    with pytest.MonkeyPatch.context() as patch:
        linear_model.put_in_place(patch)
        # Rows 0 and 1 are in the page, 2 and 3 in a file, 4 and 5 have nothing yet.
        patch.setattr("jobs.report.details.PIXELS_PER_CHUNK", 2)
        chosen = [word for i in (1, 2, 3, 4) for word in ("--pixel", str(i))]
        for words in (["calibrate", *chosen], ["simulate"], ["evaluate"], ["report"]):
            done = CliRunner().invoke(app, [words[0], str(path), *words[1:]])
            assert done.exit_code in (0, 3), done.output
    (path.parent / "told.txt").write_text(done.stderr)
    return path


class Page(HTMLParser):
    """Collects what a reader could follow or would load."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.links: list[str] = []
        self.loaded: list[str] = []
        self.images: list[dict[str, str | None]] = []
        self.tags: list[str] = []
        self.words: list[str] = []
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attrs):
        found = dict(attrs)
        self.tags.append(tag)
        if tag == "a":
            self.links.append(found["href"])
        elif tag in ("script", "img", "iframe", "source") and "src" in found:
            self.loaded.append(found["src"])
        elif tag == "link":
            self.loaded.append(found["href"])
        if tag == "img":
            self.images.append(found)

    def handle_data(self, data):
        self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(self.words)


def test_every_link_leads_to_a_file_of_the_run_or_a_place_on_the_page(half_done):
    page = Page(half_done / "report.html")
    text = (half_done / "report.html").read_text()
    inside = [link[1:] for link in page.links if link.startswith("#")]
    assert all(f'id="{anchor}"' in text for anchor in inside)
    files = {unquote(link) for link in page.links if not link.startswith("#")}
    assert len(files) > 15
    assert [name for name in files if not (half_done / name).is_file()] == []


def test_the_page_needs_no_network_and_loads_no_file_by_itself(half_done):
    page = Page(half_done / "report.html")
    assert all(item.startswith("data:") for item in page.loaded)
    style = re.sub(r"\s", "", (half_done / "report.html").read_text())
    assert "url(http" not in style
    assert "@import" not in style


def test_every_picture_says_in_words_what_it_shows(half_done):
    images = Page(half_done / "report.html").images
    assert len(images) >= 10
    assert all(len(image["alt"] or "") > 20 for image in images)


def test_names_that_look_like_markup_stay_text(half_done):
    page = Page(half_done / "report.html")
    text = (half_done / "report.html").read_text()
    assert page.tags.count("script") == 2  # the data and the program of the map
    assert "b" not in page.tags
    assert "onerror" not in "".join(str(image) for image in page.images)
    assert "</script><b>" not in text
    assert html.escape("</script><b>bold") in text


def test_a_half_finished_run_says_its_fraction_and_what_makes_the_rest(half_done):
    text = Page(half_done / "report.html").text
    assert "50  %" in text or "50 %" in text
    assert "3 of 6 pixels finished" in text
    assert "no_forcing" in text
    assert "masm screen RUN" in text
    for command in ("upscale", "export"):  # there is no region
        assert f"masm {command} RUN" not in text


def test_the_report_says_how_far_it_is(half_done):
    reported = (half_done.parent / "told.txt").read_text()
    assert "collect: 6 of 6 pixels" in reported
    assert "map details: 6 of 6 pixels" in reported
    drawn = re.findall(r"figures: (\d+) of (\d+) figures", reported)
    assert drawn[-1][0] == drawn[-1][1]
    assert int(drawn[-1][1]) > 3


def test_figures_stand_beside_the_tables_they_were_drawn_from(half_done):
    drawn = sorted((half_done / "figures").glob("*.png"))
    assert {"fig02_posteriors", "fig04_fit", "fig08_scores", "coverage"} <= {
        path.stem for path in drawn
    }
    assert all(len(pd.read_csv(path.with_suffix(".csv"))) for path in drawn)


def test_the_numbers_of_the_page_are_those_of_the_files(half_done):
    scores = pd.concat(
        pd.read_csv(half_done / "evaluation" / f"scores_{i:05d}.csv") for i in (1, 2, 3)
    )
    calibrated = scores[
        (scores["stream"] == "gpp")
        & (scores["period"] == "validation")
        & (scores["parameters"] == "calibrated")
    ]
    assert f"{calibrated['diso'].median():.3f}" in Page(half_done / "report.html").text


def test_each_parameter_stands_with_prior_default_posterior_and_edges(half_done):
    text = (half_done / "report.html").read_text()
    table = text[text.index('<section id="parameters">') :]
    table = table[table.index("<thead>") : table.index("</table>")]
    for name in ("prior", "default", "posterior mean", "5 to 95 %", "at edge of prior"):
        assert f">{name}</th>" in table
    bounds = prior_bounds(open_run(half_done).config)
    for low, high in bounds.values():
        assert f"<td>{low:.3g} to {high:.3g}</td>" in table


def test_errors_of_unknown_size_stand_beside_the_parameters(half_done):
    results = Results(open_run(half_done))
    found = {"mean": 2.5, "q05": 2.0, "q95": 3.25, "at_bound": "high"}
    summaries = {
        pixel: {**summary, "error_scale": {"gpp": found}}
        for pixel, summary in results.summaries.items()
    }
    results.__dict__["summaries"] = summaries
    _, table = parameter_section(results).tables
    assert table.columns == ["stream", "factor", "5 to 95 %", "at edge of prior"]
    assert table.rows == [["gpp", "2.5", "2 to 3.25", "high 100%"]]


def test_intervals_of_stepwise_blocks_come_with_a_caution(half_done):
    results = Results(open_run(half_done))
    assert parameter_section(results).notes == []
    config = results.run.config
    block = config.calibration.blocks[0]
    blocks = [block, block.model_copy(update={"parameters": ["p18"]})]
    chosen = config.calibration.model_copy(update={"blocks": blocks})
    stepwise = config.model_copy(update={"calibration": chosen})
    results = Results(dataclasses.replace(results.run, config=stepwise))
    (note,) = parameter_section(results).notes
    assert "vmax stay" in note
    assert "too narrow" in note


def test_a_run_that_has_not_started_has_nothing_to_report(run_path, masm_command):
    done = masm_command("report", run_path)
    assert done.exit_code == 2
    assert "has not started" in done.output
    assert not (run_path / "posteriors.zarr").exists()


def test_text_is_dark_enough_on_its_ground():
    css = (files("jobs.report.templates") / "report.css").read_text()
    colours = dict(re.findall(r"--(\w+): (#[0-9a-f]{6})", css))
    for ink in ("ink", "soft", "link"):
        for ground in ("paper", "band"):
            assert _contrast(colours[ink], colours[ground]) > 4.5


def _contrast(one: str, other: str) -> float:
    """Contrast ratio of WCAG 2.1."""

    def luminance(colour: str) -> float:
        parts = np.array([int(colour[k : k + 2], 16) / 255 for k in (1, 3, 5)])
        linear = np.where(
            parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4
        )
        return float(linear @ [0.2126, 0.7152, 0.0722])

    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def browse(page: Path, folder: Path) -> tuple[str, str]:
    """Open a page without a screen; gives the document after its scripts, and log."""
    done = subprocess.run(
        [
            str(CHROMIUM),
            "--headless=new",
            "--no-sandbox",
            "--disable-gpu",
            f"--user-data-dir={folder / 'browser'}",
            "--enable-logging=stderr",
            "--virtual-time-budget=4000",
            "--dump-dom",
            page.as_uri(),
        ],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    return done.stdout, done.stderr


TRY = """
<script>
  const pick = document.getElementById("pick");
  const layer = document.getElementById("layer");
  pick.value = "2"; pick.dispatchEvent(new Event("change"));
  for (const option of layer.options) {
    layer.value = option.value; layer.dispatchEvent(new Event("change"));
  }
  setTimeout(() => {
    parent.postMessage(document.documentElement.scrollWidth + "/" + innerWidth, "*");
    const box = document.createElement("p");
    box.id = "tried";
    box.textContent = [
      document.querySelectorAll("#world .pixel").length,
      document.querySelectorAll("#world .coast, #world .state").length > 0,
      document.querySelectorAll("#detail .thumbs > div").length,
      document.querySelectorAll("#detail .series path").length,
      document.querySelector("#detail h3").textContent,
      [...document.querySelectorAll("#detail p")].map((p) => p.textContent).join(" "),
      [...document.querySelectorAll("#detail a")].map((a) => a.getAttribute("href")),
    ].join("|");
    document.body.appendChild(box);
  }, 1000);
</script>
"""


def tried(page: Path, folder: Path) -> tuple[list[str], str]:
    """Choose the third pixel of a page; gives what it then shows, and the log."""
    document, log = browse(page, folder)
    found = re.search(r'<p id="tried">(.*?)</p>', document)
    assert found is not None, log
    return html.unescape(found[1]).split("|"), log


@needs_chromium
def test_a_chosen_pixel_shows_its_parameters_and_series_without_errors(
    half_done, tmp_path
):
    page = half_done / "tried.html"
    page.write_text((half_done / "report.html").read_text() + TRY)
    seen, log = tried(page, tmp_path)
    assert "CONSOLE" not in log
    n_pixels, lines, n_thumbs, n_paths, heading, text, links = seen
    assert (n_pixels, lines, n_thumbs, n_paths) == ("6", "true", "2", "4")
    assert heading == f"Pixel 3: {HOSTILE[2]}"
    summary = json.loads((half_done / "pixels/000/00003/summary.json").read_text())
    assert f"{summary['n_model_runs']} model runs" in text
    assert "DISO of GPP, validation years" in text
    assert all((half_done / link).is_file() for link in links.split(","))
    assert len(links.split(",")) == 4


@needs_chromium
def test_a_page_away_from_its_folder_says_where_the_details_are(half_done, tmp_path):
    page = tmp_path / "alone.html"
    page.write_text((half_done / "report.html").read_text() + TRY)
    (_, _, n_thumbs, _, heading, text, _), _ = tried(page, tmp_path)
    assert heading == f"Pixel 3: {HOSTILE[2]}"
    assert n_thumbs == "0"
    assert "report/pixels_0001.js, which is not beside this page" in text


def test_only_pixels_that_came_to_something_have_details_apart_from_the_page(half_done):
    files = sorted(path.name for path in (half_done / "report").glob("*.js"))
    assert files == ["pixels_0001.js"]
    text = (half_done / "report" / files[0]).read_text()
    head, body = text[: text.index("{")], text[text.index("{") : text.rindex(")")]
    assert head == "masmPixels(1,"
    chunk = json.loads(body)
    assert sorted(chunk["pixels"]) == ["2", "3"]
    assert [file["text"] for file in chunk["pixels"]["3"]["files"]] == ["failure.json"]


def test_densities_are_histograms_of_the_draws_between_the_prior_bounds(half_done):
    body = (half_done / "report" / "pixels_0001.js").read_text().split(",", 1)[1]
    detail = json.loads(body[: body.rindex(")")])["pixels"]["2"]
    with h5py.File(half_done / "pixels/000/00003/posterior.nc") as opened:
        draws = opened["posterior/vmax"][...].ravel()
    bounds = prior_bounds(open_run(half_done).config)
    counts, _ = np.histogram(draws, 24, range=bounds["vmax"])
    shown = detail["densities"][list(bounds).index("vmax")]
    # Draws are collected in single precision: one or two change their bin.
    np.testing.assert_allclose(shown, 99 * counts / counts.max(), atol=2.5)
    series = {one["stream"]: one for one in detail["series"]}
    table = pd.read_csv(half_done / "evaluation" / "comparison_00003.csv")
    observed = table.loc[table["stream"] == "gpp", "observed"].to_numpy()
    np.testing.assert_allclose(series["gpp"]["observed"], observed, rtol=1e-3)


@needs_chromium
def test_the_page_fits_a_phone(half_done, tmp_path):
    (half_done / "tried.html").write_text((half_done / "report.html").read_text() + TRY)
    frame = half_done / "frame.html"
    frame.write_text(
        '<p id="width"></p><script>addEventListener("message", (event) => {'
        'document.getElementById("width").textContent = event.data; });</script>'
        '<iframe src="tried.html" width="390" height="800"></iframe>'
    )
    document, _ = browse(frame, tmp_path)
    found = re.search(r'<p id="width">(\d+)/(\d+)</p>', document)
    assert found is not None
    assert int(found[1]) <= int(found[2]) <= 390


def test_a_bug_takes_away_its_part_of_the_page_and_ends_the_command(
    half_done, tmp_path, masm_command, monkeypatch
):
    path = tmp_path / "run"
    shutil.copytree(half_done, path)

    def buggy(results):
        raise KeyError("no such column of ours")

    monkeypatch.setattr(sections, "parameter_section", buggy)
    done = masm_command("report", path)
    assert done.exit_code == Exit.BUG, done.output
    assert "no such column of ours" in done.output
    text = (path / "report.html").read_text()
    assert "Left out by an error: KeyError" in text
    assert "Fit before and after" in text
