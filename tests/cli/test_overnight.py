from __future__ import annotations

from pathlib import Path

from cli.conftest import Command
from stagegap.analysis.variants import VariantRow, VariantsView
from stagegap.cli.execution import variants_markdown
from stagegap.model.estimate import Estimate, unmeasured

NIGHT = """\
matrix:
  base: cascade.yaml
  variants:
    plain:
    one: {stages: {reply: {batch: 1}}}
"""


def test_a_night_prints_its_table_and_writes_it(stagegap: Command, tmp_path: Path) -> None:
    stagegap("init")
    (tmp_path / "pipelines" / "first" / "night.yaml").write_text(NIGHT)
    done = stagegap("tools", "overnight", "pipelines/first/night.yaml", "-o", "night.md")
    assert done.code == 0
    assert "plain: 6 more records\n" in done.out
    assert "After 6 questions: No variant stands out: plain and one can't be told apart." in done.out
    assert done.out.splitlines()[-1] == "Next:  stagegap show --run NAME   or   stagegap app"
    written = (tmp_path / "night.md").read_text()
    assert written.startswith("# Variants of first\n\n## No variant stands out: plain and one can't be told apart\n")
    assert "| plain | v1 | 50% (19 to 81) |" in written
    view = stagegap("tools", "overnight", "pipelines/first/night.yaml", "--json").json
    assert [row["variant"] for row in view["rows"]] == ["plain", "one"]
    assert view["calls"] == 0


def test_a_night_that_was_stopped_ends_with_exit_code_4(stagegap: Command, tmp_path: Path) -> None:
    stagegap("init")
    (tmp_path / "pipelines" / "first" / "night.yaml").write_text(NIGHT)
    stopped = stagegap("tools", "overnight", "pipelines/first/night.yaml", "--budget", "3 calls")
    assert stopped.code == 4
    assert stopped.error == (
        "Variant plain stopped: The budget of 3 calls is used up.\n"
        "Variant one stopped: The budget of 3 calls is used up.\n"
        "What was answered is kept; run it again to go on.\n"
    )


def row(name: str, **changes: object) -> VariantRow:
    told = {"run": "v1", "outcome": Estimate(value=0.5, low=0.4, high=0.6, n=9, method="Wilson"), "best": 1, "worst": 2}
    told |= {"price": unmeasured("not measured"), "is_paid": True, "calls": 3, "dollars": 0.25, "error": ""}
    return VariantRow(variant=name, **{**told, **changes})  # type: ignore[arg-type]


def test_the_file_of_the_morning_shows_names_as_they_are() -> None:
    price = Estimate(value=0.001, low=0.001, high=0.001, n=9, method="bootstrap")
    rows = (
        row("a|b*c", price=price),
        row("<b>", best=3, worst=3),
        row("c", outcome=unmeasured("none"), best=None, worst=None, is_paid=False, error="HTTP 401: [no]"),
    )
    view = VariantsView(
        cascade="my_mails", noun="mail", outcome="mean x.y", headline="A|b*c is best", records=9,
        rows=rows, leaders=("a|b*c",), calls=9, dollars=0.75,
        groups=(("a|b*c",), ("<b>",)), look_first=("c stopped: HTTP 401: [no]",),
    )  # fmt: skip
    assert variants_markdown(view) == (
        "# Variants of my\\_mails\n\n## A\\|b\\*c is best\n\n"
        "By mean x.y, on 9 mails that every variant answered. A rank is the range that the data do not exclude "
        "(95%, all variants at once). 9 calls that count, $0.75 paid.\n\n"
        "| Variant | Run | Outcome | Rank | A record alone | Calls | Paid |\n"
        "| --- | --- | ---: | --- | ---: | ---: | ---: |\n"
        "| a\\|b\\*c | v1 | 50% (40 to 60) | 1 to 2 | $0.001 ($0.001 to $0.001) | 3 | $0.25 |\n"
        "| \\<b\\> | v1 | 50% (40 to 60) | 3 | ? | 3 | $0.25 |\n"
        "| c | v1 | - | - |  | 3 | $0.25 |\n\n"
        "Groups that can be told apart, best first: a\\|b\\*c \\| \\<b\\>\n"
        "\nc stopped: HTTP 401: \\[no\\]\n\n"
        "Scores, gaps and gains rest on references (blind answers, and answers from files): no verdict and no judge "
        "enters them, and nothing is taken off.\n"
    )
