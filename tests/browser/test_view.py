"""Pages for the browser: what they hold, and what a real one without a network does with them."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest
from chromium import in_browser, needs_chromium

import pysv
from pysv.cli import main
from pysv.errors import InvalidInputError

pytest.importorskip("bokeh")

PROBE = """<script>
const wait = ms => new Promise(done => setTimeout(done, ms))
addEventListener("load", async () => {
    await wait(1500)
    const document_ = Bokeh.documents[0], found = {}
    const own = name => [...document_._all_models.values()].filter(model => model.name == name)
    found.before = Array.from(own("electron")[0].renderers[1].data_source.data.density)
    own("time")[0].value = TIME
    await wait(500)
    found.after = Array.from(own("electron")[0].renderers[1].data_source.data.density)
    found.cursor = own("logarithmic negativity (nats)")[0].center.filter(one => one.type == "Span")[0].location
    found.requests = performance.getEntriesByType("resource").map(entry => entry.name)
    document.title = "FOUND" + JSON.stringify(found)
})
</script></body>"""


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    experiment = pysv.Experiment(
        device=pysv.SpinValve(sites=30, polarizer=(12, 13), analyzer=(16, 17)),
        source=pysv.WavePacket(center=7, momentum_spread=0.8),
        times=pysv.times(stop=4, step=0.5),
        record=pysv.Record(density_matrix=True),
    )
    path = tmp_path_factory.mktemp("view") / "run.nc"
    return path, pysv.solve(experiment, out=path, progress=False)


@pytest.mark.filterwarnings("ignore::pysv.errors.PacketTruncationWarning")
def test_the_page_stands_alone(run, tmp_path):
    path, _ = run
    target = tmp_path / "page.html"
    assert main(["view", str(path), "--no-open", "--out", str(target)]) == 0
    text = target.read_text(encoding="utf-8")
    assert len(text) < 5e6
    assert not re.findall(r"<(?:script|link|img)[^>]*(?:src|href)=.?https?:", text), "something would be fetched"
    for shown in ("electron along the chain", "localized spins", "phase of ρ", "logarithmic negativity (nats)"):
        assert shown in text or json.dumps(shown)[1:-1] in text
    assert pysv.view({"mine": path})._repr_html_().startswith("<iframe srcdoc=")


@needs_chromium
@pytest.mark.filterwarnings("ignore::pysv.errors.PacketTruncationWarning")
def test_the_slider_moves_the_curves_in_a_browser_without_a_network(run, tmp_path):
    path, data = run
    page = pysv.view([path, path]).html
    probe = PROBE.replace("TIME", "2.5").join(page.rsplit("</body>", 1))
    target = tmp_path / "page.html"
    target.write_text(probe, encoding="utf-8")
    became, said = in_browser(target.as_uri(), tmp_path / "profile")
    title = re.search(r"<title>FOUND(.*?)</title>", became, re.S)
    assert title, said[-500:]
    found = json.loads(title[1].replace("&gt;", ">").replace("&lt;", "<").replace("&amp;", "&"))
    np.testing.assert_allclose(found["before"], data.electron_density[0], atol=1e-6)
    np.testing.assert_allclose(found["after"], data.electron_density.sel(time=2.5), atol=1e-6)
    assert np.abs(np.subtract(found["before"], found["after"])).max() > 0.01
    assert found["cursor"] == 2.5
    assert not [name for name in found["requests"] if not name.startswith("data:")]


def test_what_a_run_lacks_is_said(run):
    _, data = run
    text = pysv.view(data.drop_vars("density_matrix")).html
    assert "density matrix: not recorded" in text


def test_bad_views_end_in_a_sentence(run, tmp_path, capsys):
    path, data = run
    with pytest.raises(InvalidInputError, match="1 … 4 runs, not 5"):
        pysv.view([data] * 5)
    with pytest.raises(InvalidInputError, match="must end in .html"):
        pysv.view(data).save(tmp_path / "page.nc")
    link = tmp_path / "run.html"
    link.symlink_to(path)
    assert main(["view", str(path), "--no-open", "--out", str(link)]) == 2
    assert "Traceback" not in capsys.readouterr().err
    assert pysv.load(path).sizes == data.sizes
