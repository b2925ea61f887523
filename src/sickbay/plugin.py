"""The pytest plugin: options, fixtures, and when what happens. What happens is elsewhere."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Generator, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import pytest

from sickbay import options, reports
from sickbay.assess import AMBIENT, Verdict
from sickbay.errors import Missing, NotApplicable, UsageError
from sickbay.inventory.targets import Target
from sickbay.judge import Comparison, comparisons, note
from sickbay.run import Check, RunState, as_data, from_data
from sickbay.symptoms import LAYERS, SEVERITIES, symptom_of
from sickbay.targets.kinds import KINDS, known_facts

if TYPE_CHECKING:
    from _pytest.terminal import TerminalReporter

RUN = pytest.StashKey[RunState]()
SEEN = pytest.StashKey[list[Comparison]]()
"""The failed comparisons of a health test's assertion."""
HIDDEN = pytest.StashKey[Any]()
"""Our reports, kept from pytest's sections of tracebacks while those are printed."""

_MARKERS = {
    "critical": "a health test whose failure means that users are hurt now",
    "major": "a health test whose failure will hurt users soon, or hurts some",
    "minor": "a health test whose failure is worth mending in working hours",
    "infra": "health tests of hosts",
    "services": "health tests of databases, caches and endpoints",
    "aws": "health tests of AWS accounts",
    "k8s": "health tests of Kubernetes clusters",
    "active": "a probe with a possible side effect; runs only with --active",
}


# ---------------------------------------------------------------------- options


def pytest_addoption(parser: pytest.Parser) -> None:
    options.add_options(parser)


def pytest_configure(config: pytest.Config) -> None:
    for name in (*SEVERITIES, *LAYERS, "active"):
        config.addinivalue_line("markers", f"{name}: {_MARKERS[name]}")
    config.pluginmanager.register(_Summary(), "sickbay-summary")


# ---------------------------------------------------------------------- the run begins


@pytest.hookimpl(trylast=True)
def pytest_sessionstart(session: pytest.Session) -> None:
    try:
        session.config.stash[RUN] = options.new_run(session.config)
    except UsageError as error:
        raise pytest.UsageError(str(error)) from None
    session.config.pluginmanager.register(_Intake(session.config.stash[RUN]), "sickbay-intake")
    _register_fixtures(session)


def _register_fixtures(session: pytest.Session) -> None:
    """Facts become fixtures, registered last so that our ``host`` takes precedence over testinfra's."""
    run = session.config.stash[RUN]

    def target() -> Target:
        """The target that the test is about."""
        raise pytest.UsageError(
            "the fixture 'target' needs a fact, or @symptom, that tells its kind"
        )

    pytest.register_fixture(name="target", func=target, node=session)

    def fixture_for(name: str) -> None:
        def value(target: Target) -> Any:
            return run.fact(target, name)

        spec = known_facts().get(name)
        value.__doc__ = spec.doc if spec else f"The target's {name}."
        pytest.register_fixture(name=name, func=value, node=session)

    for name in (*known_facts(), *(name for name in AMBIENT if name != "target")):
        fixture_for(name)

    def host(target: Target) -> Any:
        """testinfra's Host, over the one connection that this run has to the target."""
        from sickbay.targets.host.live import live_host  # noqa: PLC0415 (testinfra only where it is used)

        return live_host(run.observatory, target)

    pytest.register_fixture(name="host", func=host, node=session)


# ---------------------------------------------------------------------- collection


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Every test that asks for facts runs once for each target of their kind."""
    names = metafunc.fixturenames
    if "target" not in names or any(
        "target" in mark.args[0] for mark in metafunc.definition.iter_markers("parametrize")
    ):
        return
    run = metafunc.config.stash[RUN]
    kind = _kind_of(metafunc)
    targets: Iterable[Target]
    if (
        kind == "host"
        and metafunc.config.option.hosts is None
        and hasattr(metafunc.module, "testinfra_hosts")
    ):
        targets = options.hosts_of_module(metafunc.config, metafunc.module.testinfra_hosts)
    else:
        targets = run.inventory.of_kind(kind)
    metafunc.parametrize("target", targets, ids=[target.name for target in targets])


def _kind_of(metafunc: pytest.Metafunc) -> str:
    symptom = symptom_of(metafunc.function)
    if symptom:
        return symptom.kind
    specs = known_facts()
    kinds = {specs[name].kind for name in metafunc.fixturenames if name in specs}
    if "host" in metafunc.fixturenames:
        kinds.add("host")
    if len(kinds) != 1:
        raise pytest.Collector.CollectError(
            f"{metafunc.function.__name__} asks for facts of {len(kinds)} kinds of target "
            f"({', '.join(sorted(kinds)) or 'none'}); a test is about one. With @symptom the first "
            f"word of the id tells which ({', '.join(KINDS)})."
        )
    return kinds.pop()


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what has no target here, and active probes that were not asked for."""
    options.note_symptoms(config, items, config.stash[RUN].shared)
    items[:] = [item for item in items if not _without_target(item)]
    if not config.getoption("active"):
        passive = [item for item in items if item.get_closest_marker("active") is None]
        if len(passive) < len(items):
            config.hook.pytest_deselected(
                items=[i for i in items if i.get_closest_marker("active")]
            )
            items[:] = passive


def _without_target(item: pytest.Item) -> bool:
    """Whether a test of ours was collected for a kind that the inventory has no target of."""
    if not isinstance(item, pytest.Function) or not hasattr(item, "callspec"):
        return False
    params = item.callspec.params
    return symptom_of(item.function) is not None and not isinstance(params.get("target"), Target)


def pytest_collection_finish(session: pytest.Session) -> None:
    checks = [check for item in session.items if (check := _check(item)) is not None]
    session.config.stash[RUN].select(checks)


def _check(item: pytest.Item) -> Check | None:
    if not isinstance(item, pytest.Function) or not hasattr(item, "callspec"):
        return None
    target = item.callspec.params.get("target")
    if not isinstance(target, Target):
        return None
    return Check(target, frozenset(item.fixturenames), symptom_of(item.function))


@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop(session: pytest.Session) -> None:
    """Observe all targets before the first test runs."""
    config = session.config
    run = config.stash[RUN]
    broken = session.testsfailed and not config.option.continue_on_collection_errors
    if config.option.collectonly or broken or not run.checks:
        return
    progress = reports.terminal.Progress(config.pluginmanager.getplugin("terminalreporter"))
    try:
        run.observe(progress.step)
    except UsageError as error:
        raise pytest.UsageError(str(error)) from None
    finally:
        progress.done()


# ---------------------------------------------------------------------- tests


@pytest.hookimpl(wrapper=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> Generator[None, object, object]:
    if symptom_of(pyfuncitem.function) is None:
        return (yield)
    with comparisons() as seen:
        pyfuncitem.stash[SEEN] = seen
        return (yield)


def pytest_assertrepr_compare(op: str, left: object, right: object) -> None:
    note(op, left, right)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> pytest.TestReport | None:
    """The report of a health test says what its verdict says; all others are pytest's."""
    verdict = _verdict(item, call)
    return None if verdict is None else _report(verdict, item, call)


def _verdict(item: pytest.Item, call: pytest.CallInfo[None]) -> Verdict | None:
    """What a finished phase of a health test says; None where it says nothing (yet)."""
    symptom = symptom_of(getattr(item, "function", None))
    run = item.config.stash[RUN]
    if symptom is None or run.assessor is None or call.when == "teardown":
        return None
    assert isinstance(item, pytest.Function)
    target = item.callspec.params["target"]
    assert isinstance(target, Target)
    if call.excinfo is None:
        if call.when == "setup":
            return None
        return run.assessor.said(symptom, target, "healthy")
    error = call.excinfo.value
    if isinstance(error, pytest.skip.Exception | KeyboardInterrupt | pytest.exit.Exception):
        return None
    if call.when == "setup" and not isinstance(error, Missing | NotApplicable):
        return None
    verdict = run.assessor.failed(symptom, target, error, item.stash.get(SEEN, []), item.funcargs)
    return run.assessor.explained(verdict)


def _report(verdict: Verdict, item: pytest.Item, call: pytest.CallInfo[None]) -> pytest.TestReport:
    assert call.when in {"setup", "call"}
    when: Literal["setup", "call"] = "setup" if call.when == "setup" else "call"
    outcome: Literal["passed", "failed", "skipped"] = "skipped"
    path, line, _ = item.location
    longrepr: Any = None
    more: dict[str, Any] = {"sickbay": as_data(verdict)}
    if verdict.state == "healthy":
        outcome = "passed"
    elif verdict.state == "waived":
        more["wasxfail"] = f"reason: {verdict.waiver}"
    elif verdict.state == "not_applicable":
        longrepr = (path, line or 0, f"Skipped: not applicable: {verdict.message}")
    elif verdict.explained_by:
        parents = ", ".join(str(ref) for ref in verdict.explained_by)
        longrepr = (path, line or 0, f"Skipped: explained by {parents}")
    else:
        assert call.excinfo is not None
        outcome = "failed"
        # A traceback through the test's own source says no more than the finding and costs much;
        # only where the test itself is broken it is what is needed.
        told = isinstance(call.excinfo.value, AssertionError | Missing)
        longrepr = call.excinfo.getrepr(style="value" if told else "long")
        longrepr.reprcrash.message = _in_a_line(verdict)
    return pytest.TestReport(
        item.nodeid, item.location, dict.fromkeys(item.keywords, 1), outcome, longrepr, when,
        duration=call.duration, start=call.start, stop=call.stop,
        user_properties=item.user_properties, **more,
    )  # fmt: skip


def _in_a_line(verdict: Verdict) -> str:
    """What a failed verdict says, for pytest's short summary."""
    if verdict.gap is None:
        return verdict.message
    remedy = f" ({verdict.gap.remedy})" if verdict.gap.remedy else ""
    return f"not evaluated, {verdict.gap.reason.replace('_', ' ')}: {verdict.gap.detail}{remedy}"


class _Intake:
    """Takes in the verdicts that reports carry, from this process or from the workers of xdist."""

    def __init__(self, run: RunState) -> None:
        self._run = run

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        data = getattr(report, "sickbay", None)
        if data is not None:
            self._run.keep(from_data(data))


# ---------------------------------------------------------------------- the run ends


@pytest.hookimpl(tryfirst=True)
def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    config = session.config
    run = config.stash.get(RUN, None)
    if run is None:
        return
    run.close()
    if hasattr(config, "workerinput") or config.option.collectonly:
        return
    options.add_warnings(config, run)
    diagnosis = run.finish(interrupted=exitstatus == pytest.ExitCode.INTERRUPTED)
    if run.shared is not None:
        shutil.rmtree(run.shared, ignore_errors=True)
    if run.selected:
        folder = config.invocation_params.dir / config.getoption("reports_dir")
        run.written = reports.write(folder, run, diagnosis)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_terminal_summary(terminalreporter: TerminalReporter) -> Generator[None]:
    """Findings are told by the diagnosis; keep them out of pytest's sections of tracebacks."""
    hidden: dict[str, list[Any]] = {}
    for category in ("failed", "error"):
        ours = [r for r in terminalreporter.stats.get(category, []) if hasattr(r, "sickbay")]
        if ours:
            hidden[category] = terminalreporter.stats[category]
            terminalreporter.stats[category] = [r for r in hidden[category] if r not in ours]
    terminalreporter.config.stash[HIDDEN] = hidden
    return (yield)


class _Summary:
    """Prints the diagnosis between pytest's sections of tracebacks and its short summary."""

    @pytest.hookimpl(tryfirst=True)
    def pytest_terminal_summary(
        self, terminalreporter: TerminalReporter, config: pytest.Config
    ) -> None:
        terminalreporter.stats.update(config.stash.get(HIDDEN, {}))
        run = config.stash.get(RUN, None)
        if run is not None and run.diagnosis is not None and run.selected:
            reports.terminal.summary(terminalreporter, run)


# ---------------------------------------------------------------------- pytest-xdist


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Tell a worker of xdist where the workers share their one observation."""
    run = node.config.stash[RUN]
    if run.shared is None:
        run.shared = Path(tempfile.mkdtemp(prefix=f"sickbay-{os.getpid()}-"))
    node.workerinput["sickbay_shared"] = str(run.shared)
