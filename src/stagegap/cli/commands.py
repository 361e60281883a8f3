"""The verbs. Each reads its arguments, makes one call on the workspace, prints, and names the next command."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Literal

import typer

from stagegap.cli import labels
from stagegap.cli.attribution import looking
from stagegap.cli.labels import people
from stagegap.cli.options import (
    BudgetOption,
    CascadeOption,
    EngineOption,
    FileArgument,
    FilterOption,
    FreshOption,
    FreshStageOption,
    JobsOption,
    JsonOption,
    LimitOption,
    OrdersOption,
    RepeatOption,
    RunOption,
    SampleOption,
    Sections,
    SeedOption,
    SharedOption,
    tools,
    views,
)
from stagegap.cli.past import changing
from stagegap.cli.traces import import_traces

application = typer.Typer(
    cls=Sections,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    help="Which stage of the cascade holds you back, against people?",
    epilog="Exit codes: 0 done, 1 an expectation is not met, 2 configuration or input is wrong, 3 the store can't be "
    "used, 4 a run stopped before its end, 5 a check can't be decided, 6 too much lost to infrastructure, "
    "130 interrupted.",
)


def _version(is_asked: bool) -> None:
    if is_asked:
        from importlib.metadata import version

        typer.echo(f"stagegap {version('stagegap')}")
        raise typer.Exit


@application.callback()
def begin(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and end.")
    ] = False,
) -> None:
    """Which stage of the cascade holds you back, against people?"""


PortOption = Annotated[int, typer.Option("--port", help="Port on 127.0.0.1.")]


@application.command()
def init(
    folder: Annotated[Path, typer.Argument(help="Folder of the project.")] = Path(), as_json: JsonOption = False
) -> None:
    """Write a small cascade to change: two stages, six records, references."""
    from stagegap.cli import printed
    from stagegap.workspace import write_starter

    paths = write_starter(folder)
    if as_json:
        return printed.print_json({"written": [str(path) for path in paths]})
    for path in paths:
        printed.say(f"Made {path}")
    return printed.advise("stagegap run" if folder == Path() else f"cd {folder} && stagegap run")


@application.command()
def validate(file: FileArgument = None, as_json: JsonOption = False) -> None:
    """Report all that a run would refuse of a cascade file and of what it names, each with its line."""
    from stagegap.cli import printed
    from stagegap.cli.start import workspace

    with workspace() as opened:
        valid = opened.runs.validate(file)
    names = valid.cascade.names
    if as_json:
        return printed.print_json({"cascade": valid.cascade.name, "stages": list(names), "hints": list(valid.hints)})
    printed.say(f"{valid.path} is a cascade of {len(names)} stages: {', '.join(names)}. A run would take it.")
    for hint in valid.hints:
        printed.say(f"Hint: {hint}")
    return printed.advise("stagegap plan", "stagegap run")


@tools.command()
def schema(
    output: Annotated[Path | None, typer.Option("--output", "-o", help="File to write to.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Print the JSON Schema of cascade files, for editors."""
    from stagegap import spec
    from stagegap.cli import printed

    if output is None or as_json:
        return printed.print_json(spec.json_schema())
    spec.write_schema(output)
    printed.say(f"Wrote {output}.")
    return printed.advise(f"put `# yaml-language-server: $schema={output}` on the first line of your cascade file")


@application.command()
def plan(
    file: FileArgument = None,
    limit: LimitOption = None,
    filter: FilterOption = "",
    sample: SampleOption = None,
    seed: SeedOption = 0,
    repeat: RepeatOption = None,
    fresh: FreshOption = False,
    fresh_stage: FreshStageOption = None,
    orders: OrdersOption = None,
    as_json: JsonOption = False,
) -> None:
    """Say which calls a run would make, and which are known already; nothing is called."""
    from stagegap.cli.execution import options_of, plan_and_show
    from stagegap.cli.start import workspace

    options = options_of(limit, filter, sample, seed, repeat, fresh, fresh_stage, orders=orders)
    with workspace() as opened:
        plan_and_show(opened, file, options, as_json=as_json)


@application.command()
def run(
    file: FileArgument = None,
    limit: LimitOption = None,
    filter: FilterOption = "",
    sample: SampleOption = None,
    seed: SeedOption = 0,
    repeat: RepeatOption = None,
    fresh: FreshOption = False,
    fresh_stage: FreshStageOption = None,
    retry: Annotated[bool, typer.Option("--retry", help="Mend the newest run where a service failed.")] = False,
    jobs: JobsOption = None,
    budget: BudgetOption = None,
    orders: OrdersOption = None,
    engine: EngineOption = "",
    only_plan: Annotated[
        bool, typer.Option("--plan", help="Only say what would be called, as `stagegap plan`.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Run the cascade and the swaps that its verdict needs; only calls that were never made are made."""
    from stagegap.cli import printed
    from stagegap.cli.execution import options_of, plan_and_show, run_and_show
    from stagegap.cli.start import workspace

    options = options_of(limit, filter, sample, seed, repeat, fresh, fresh_stage, retry, jobs, budget, orders, engine)
    with workspace() as opened:
        if only_plan:
            return plan_and_show(opened, file, options, as_json=as_json)
        run_and_show(opened, file, options, as_json=as_json)
    return None if as_json else printed.advise("stagegap app", "stagegap report")


@tools.command(name="import")
def import_(
    files: Annotated[
        list[Path],
        typer.Argument(metavar="FILE...", help="Labels: JSON(L), CSV, TSV, Excel, Parquet, ours or another program's."),
    ],
    cascade: Annotated[Path | None, typer.Option("--file", help="Cascade file that the labels belong to.")] = None,
    source: Annotated[
        str | None, typer.Option("--from", help="Other program: label-studio, argilla, prodigy, doccano, ...")
    ] = None,
    stage: Annotated[
        list[str] | None,
        typer.Option("--stage", metavar="NAME=FOREIGN", help="Stage, and the question's name in the other program."),
    ] = None,
    record_id: Annotated[
        str | None,
        typer.Option("--record-id", metavar="FIELD", help="Field of the other program with the record's id."),
    ] = None,
    annotator: Annotated[
        str, typer.Option("--annotator", metavar="NAME", help="Who answered, where the file does not say.")
    ] = "",
    as_json: JsonOption = False,
) -> None:
    """Take labels in from a file, ours or another program's; what is there already is not taken twice."""
    from stagegap.cli import labels, printed
    from stagegap.cli.start import workspace

    with workspace() as opened:
        foreign = labels.foreign(source, stage or [], record_id, annotator)
        report = opened.labels.import_files(files, cascade, foreign)
    if as_json:
        return printed.print_json(labels.as_json(report))
    labels.draw_import(report)
    return printed.advise("stagegap run", "stagegap show")


@tools.command()
def export(
    path: Annotated[Path, typer.Argument(help="File to write: .jsonl, .csv, .parquet; with --to .json or .jsonl.")],
    cascade: CascadeOption = None,
    references: Annotated[
        bool, typer.Option("--references", help="What is settled from the labels, not the labels.")
    ] = False,
    outputs: Annotated[bool, typer.Option("--outputs", help="The run's outputs with their scores, uncut.")] = False,
    to: Annotated[
        str | None,
        typer.Option("--to", help="For a program: label-studio, argilla, prodigy, langfuse, mlflow, phoenix, otlp."),
    ] = None,
    with_answers: Annotated[
        bool, typer.Option("--with-answers", help="Tasks with the system's answers: who labels there sees them.")
    ] = False,
    run: RunOption = None,
    raw: Annotated[bool, typer.Option("--raw", help="CSV: leave texts that a spreadsheet could run.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Write labels, outputs, or either as another program takes it; `stagegap tools import` takes labels in again."""
    from stagegap.cli import printed
    from stagegap.cli.start import attribution, cascade_name, workspace

    if outputs or to:
        with workspace() as opened:
            own = attribution(opened, cascade, run)
            if to:
                sent = own.export_for(to, path, with_answers=with_answers)
                count, left = sent.rows, dict(sent.left)
            else:
                count, left = own.export_outputs(path, raw=raw), dict[str, int]()
        if as_json:
            return printed.print_json({"path": str(path), "rows": count, "left": left})
        printed.say(f"{path}  {count:,} {'rows for ' + to if to else 'outputs'}")
        for reason, many in left.items():
            printed.say(f"{many:,} left out: {reason}")
        return None
    with workspace() as opened:
        rows = opened.labels.export(cascade_name(opened, cascade), path, references=references, raw=raw)
    if as_json:
        return printed.print_json({"path": str(path), "rows": rows})
    printed.say(f"{path}  {rows:,} {'accepted answers' if references else 'labels'}")
    return printed.advise(f"stagegap tools import {path}" if not references else f"stagegap tools export {path}")


@views.callback()
def show(
    context: typer.Context, cascade: CascadeOption = None, run: RunOption = None, as_json: JsonOption = False
) -> None:
    """Print the verdict of a run, or another VIEW of it: `stagegap show VIEW --help` says what it takes."""
    from stagegap.cli.printed import present
    from stagegap.cli.start import scorecard, workspace
    from stagegap.errors import ConfigurationError

    if context.invoked_subcommand:
        if cascade or run or as_json:
            raise ConfigurationError(
                f"Options stand behind the view: stagegap show {context.invoked_subcommand} --run v3."
            )
        return
    with workspace() as opened:
        card = scorecard(opened, cascade, run)
        ending = "" if run else opened.runs.ended_early(card.cascade)
    present("gap", card, as_json=as_json, ending=ending)


application.command(name="import")(import_traces)
application.command()(labels.label)
tools.command()(labels.invitations)


@application.command()
def app(
    port: PortOption = 8501,
    browser: Annotated[bool, typer.Option("--browser/--no-browser", help="Open a browser.")] = True,
) -> None:
    """Serve the app on 127.0.0.1 until Ctrl-C."""
    from stagegap.cli.start import folder
    from stagegap.ui import serve

    serve(folder(), port=port, open_browser=browser)


@tools.command()
def overnight(
    file: Annotated[Path, typer.Argument(help="Matrix file: base and variants.", show_default=False)],
    limit: LimitOption = None,
    filter: FilterOption = "",
    sample: SampleOption = None,
    seed: SeedOption = 0,
    jobs: JobsOption = None,
    budget: BudgetOption = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Write the table, too: .html, .md or .json.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Run every variant of a matrix file and rank them; a call that variants share is made once."""
    from stagegap.cli import printed
    from stagegap.cli.execution import options_of, overnight_and_show
    from stagegap.cli.start import workspace

    options = options_of(limit, filter, sample, seed, jobs=jobs, budget=budget)
    with workspace() as opened:
        overnight_and_show(opened, file, options, output=output, as_json=as_json)
    return None if as_json else printed.advise("stagegap show --run NAME", "stagegap app")


@application.command()
def demo(
    folder: Annotated[Path, typer.Argument(help="Folder that gets a copy, unless it is here already.")] = Path(
        "stagegap-demo"
    ),
    serve_app: Annotated[bool, typer.Option("--app/--no-app", help="Serve the app afterwards.")] = True,
    port: PortOption = 8501,
    as_json: JsonOption = False,
) -> None:
    """Run the cascade that comes with stagegap, print its verdict and serve the app."""
    from stagegap.cli import printed
    from stagegap.cli.execution import run_and_show
    from stagegap.cli.start import DEMO
    from stagegap.workspace import Workspace, write_demo

    home = Path.cwd() if DEMO.is_file() else folder
    if home == folder and write_demo(folder) and not as_json:
        printed.say(f"Made {folder} with the demo: 435 mails, a cascade of three stages, and references for each.")
    with Workspace.open(home) as opened:
        run_and_show(opened, home / DEMO, as_json=as_json)
    if not serve_app:
        start = "" if home == Path.cwd() else f"cd {folder} && "
        return None if as_json else printed.advise(f"{start}stagegap app", f"{start}stagegap report")
    os.chdir(home)
    printed.say("Open the link below; nothing else opens the app. Ctrl-C stops it.")
    return app(port=port, browser=False)


@application.command()
def mcp(
    skill: Annotated[
        bool, typer.Option("--skill", help="Only print SKILL.md, for an agent's folder of skills.")
    ] = False,
) -> None:
    """Serve the project to a coding agent (Model Context Protocol, on stdin and stdout)."""
    from stagegap.cli import printed
    from stagegap.cli.start import folder
    from stagegap.library import SKILL, serve_agents

    if skill:
        return printed.say(SKILL.read_text("utf-8").rstrip())
    return serve_agents(folder())


@tools.command()
def doctor(
    rebuild: Annotated[bool, typer.Option("--rebuild", help="Make a new DuckDB file from the journal.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Look at everything that can be wrong with the store; exit code 3 when something is."""
    from stagegap.cli import printed
    from stagegap.cli.start import workspace

    with workspace() as opened, opened.store_as_found(mend_journal=rebuild) as store:
        if rebuild:
            printed.draw_rebuilt(store.rebuild())
        findings = store.check()
    if as_json:
        printed.print_json([{"what": f.what, "good": f.is_good, "message": f.message} for f in findings])
    else:
        printed.draw_findings(findings)
        can_mend = any(not f.is_good and f.what not in ("version", "waiting") for f in findings)
        printed.advise("stagegap tools doctor --rebuild" if can_mend else "stagegap show")
    if not all(f.is_good for f in findings):
        raise typer.Exit(3)


ArchiveArgument = Annotated[Path, typer.Argument(metavar="FILE", help="The archive, a .tar.")]


@tools.command()
def backup(file: ArchiveArgument, as_json: JsonOption = False) -> None:
    """Write the store (runs, answers, labels, links) to one file; runs and labelling may go on meanwhile."""
    from stagegap.cli import printed
    from stagegap.cli.start import workspace

    archive = workspace().back_up(file)
    printed.draw_archive(archive, "holds", as_json=as_json)
    if not as_json:
        printed.advise(f"stagegap tools restore {archive.path}")


@tools.command()
def restore(file: ArchiveArgument, as_json: JsonOption = False) -> None:
    """Put the store of a backup into a project that has none, and look at whether all of it is right."""
    from stagegap.cli import printed
    from stagegap.cli.start import workspace

    opened = workspace()
    printed.draw_archive(opened.restore(file), "gave", as_json=as_json)
    if not as_json:
        printed.advise("stagegap tools doctor")


@application.command()
def report(
    cascade: CascadeOption = None,
    run: RunOption = None,
    compare: Annotated[str | None, typer.Option("--compare", help="Report on the change from this run on.")] = None,
    shared: SharedOption = False,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="File to write to.")] = None,
    form: Annotated[Literal["html", "md", "json"], typer.Option("--form", help="html, md or json.")] = "html",
    records: Annotated[bool, typer.Option("--records/--no-records", help="Show texts of records.")] = True,
    media: Annotated[bool, typer.Option("--media/--no-media", help="Small pictures of the records shown.")] = True,
    bundle: Annotated[
        Path | None, typer.Option("--bundle", help="Make this folder: the verdict, and a page for each failure.")
    ] = None,
    with_open: Annotated[
        bool,
        typer.Option(
            "--with-open-records", help="Also what somebody has yet to answer; noted: they are no longer blind to it."
        ),
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Write the verdict, or with --compare what changed, as one file without scripts, to send around."""
    from stagegap.cli import printed, reports
    from stagegap.cli.start import comparison, newest, scorecard, workspace

    disclosed = reports.Disclosed(records=records, media=media, with_open=with_open)
    with workspace() as opened:
        if compare is not None:
            view = comparison(opened, cascade, compare, newest(opened, cascade, run), shared=shared)
            written = reports.write_comparison(opened, view, output, form=form, disclosed=disclosed)
        elif bundle is not None:
            written = reports.write_bundle(opened, scorecard(opened, cascade, run), bundle, disclosed=disclosed)
        else:
            card = scorecard(opened, cascade, run)
            written = reports.write_report(opened, card, output, form=form, disclosed=disclosed)
    if as_json:
        return printed.print_json({"path": str(written.path), "bytes": written.size, "records": written.records})
    printed.say(written.sentence)
    return printed.advise(f"open {written.open}", "stagegap report --no-records")


application.add_typer(looking)
application.add_typer(changing)
application.add_typer(people, name="people")
application.add_typer(views, name="show")
application.add_typer(tools, name="tools")
