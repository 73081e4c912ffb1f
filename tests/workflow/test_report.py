"""The report of a study is one file that needs nothing else."""

import base64
import json
import re
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow


def test_one_offline_file_holds_every_figure_and_table(lived_in):
    result = lived_in.run("--report", "report.html")
    assert result.returncode == 0, result.stdout
    page = (lived_in.root / "report.html").read_text()
    shown = json.loads(re.search(r"var results = (\{.*\});$", page, re.MULTILINE)[1])
    made = [path for path in (lived_in.root / "results/tiny/report").iterdir() if path.suffix in (".svg", ".md")]
    assert len(made) > 8
    for path in made:
        entry = shown[str(path.relative_to(lived_in.root))]
        assert base64.b64decode(entry["data_uri"].partition("base64,")[2]) == path.read_bytes()
        assert len(re.sub(r"<[^>]+>", "", entry["caption"]).split()) > 5, path
    elsewhere = re.findall(r"""<(?:script|link|img|iframe)\b[^>]*\b(?:src|href)\s*=\s*["']?(?:https?:)?//""", page)
    assert elsewhere == []


def test_every_figure_of_the_report_has_a_place_in_it():
    rules = (Path(__file__).parents[2] / "workflow" / "rules" / "report.smk").read_text()
    reported = set(re.findall(r'report\(\s*"<results>/report/([\w.]+)"', rules))
    written = set(re.findall(r'"<results>/report/([\w.]+\.(?:svg|md))"', rules))
    assert written == reported
