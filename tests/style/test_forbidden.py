"""What the product must never do, found in its syntax trees; linters know only a part of it.

Names are followed through imports: `from time import time as t` and then `t()` is `time.time`. A finding is
`path::function what`. Each rule has planted violations, so that it is known to be able to fail.
"""

import ast
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Final

import pytest

Rule = Callable[[ast.Module], Iterator[tuple[str, str]]]
"""A rule gives (function, what) for each violation in one module; function is empty at the top of the module."""

XML_MODULES: Final = {
    "rollout/platforms/classic/xml.py": "the client's one hardened parser",
    "rollout/emulator/hardened.py": "the emulator's one hardened parser",
    "rollout/policy/cscfg.py": "only sees that a configuration is well-formed, with expat, before anything is sent",
}
"""The only modules that may parse XML, each with its own parser: they must not share a misreading."""

BROAD_EXCEPTS: Final = {
    "rollout/daemon/approving.py::Approving._one": "somebody else's function: it is said, and answers nothing",
    "rollout/daemon/embedded.py::_notify": "somebody else's function: what it raises is said, and stops nothing",
    "rollout/daemon/http/handlers/events.py::events": "an answer was begun: logged loudly, and the reader comes again",
    "rollout/daemon/http/gate.py::Gate._answer": "the edge of a request: logged loudly, and the caller gets a problem",
    "rollout/daemon/host.py::Host._going_on": "a mistake of ours in one rollout is said, and stops that one alone",
    "rollout/cli/group.py::VerbGroup.main": "the edge of the process: every ending gets its words and its code",
    "rollout/gates/python.py::PythonCheck.ask": "somebody else's function: what it raises is no evidence, and is said",
    "rollout/emulator/server.py::_Front.answer": "the edge of the emulator: logged loudly, answered InternalError",
    "rollout/notify/notifier.py::Notifier._tell": "notices may stop, and say so; a rollout never stops for them",
    "rollout/simulation/loop.py::run": "adds notes to whatever ends the run, and raises it again",
    "rollout/simulation/loop.py::VirtualLoop.run_in_executor": "an executor hands any error to who awaits the future",
}
"""The only functions that may catch everything."""

CHANCE: Final = re.compile(r"(random|secrets)(\..*)?|uuid\.uuid\d|os\.(urandom|getrandom)")
CLOCK: Final = re.compile(
    r"time\.(time|monotonic|perf_counter)(_ns)?|datetime\.(datetime\.(now|utcnow|today)|date\.today)"
)
BARE_TASK: Final = re.compile(r"asyncio\.(create_task|ensure_future|gather)")
THREAD: Final = re.compile(r"asyncio\.to_thread|(threading|concurrent\.futures|multiprocessing)\..*")
SHELL: Final = re.compile(
    r"os\.(system|popen)|subprocess\.(getoutput|getstatusoutput)|asyncio\.create_subprocess_shell"
)
WEAK_TLS: Final = re.compile(r"ssl\.(CERT_NONE|CERT_OPTIONAL|_create_unverified_context)")
XML: Final = re.compile(
    r"lxml\.etree\.(\w*Parser|parse|parseid|fromstring|fromstringlist|XML|XMLID|XMLDTDID|HTML|iterparse|DTD|XSLT)"
    r"|lxml\.(objectify|html|sax)(\..*)?|(xml|defusedxml)\.(?!sax\.saxutils\.).*"
)
SESSION: Final = re.compile(r"(^|[._])session(\(\))?$", re.IGNORECASE)
CLIENT_CALLS: Final = {"get", "post", "put", "delete", "patch", "head", "options", "request"}


# --- the rules ---


def chance(tree: ast.Module) -> Iterator[tuple[str, str]]:
    yield from _named(tree, CHANCE)


def clock(tree: ast.Module) -> Iterator[tuple[str, str]]:
    yield from _named(tree, CLOCK)


def bare_tasks(tree: ast.Module) -> Iterator[tuple[str, str]]:
    yield from _named(tree, BARE_TASK)
    for scope, node in _scoped(tree):
        if isinstance(node, ast.Attribute) and node.attr == "create_task" and "loop" in ast.unparse(node.value).lower():
            yield scope, ast.unparse(node)


def threads(tree: ast.Module) -> Iterator[tuple[str, str]]:
    yield from _named(tree, THREAD)
    yield from _attributes(tree, "run_in_executor")


def asserts(tree: ast.Module) -> Iterator[tuple[str, str]]:
    for scope, node in _scoped(tree):
        if isinstance(node, ast.Assert):
            yield scope, ast.unparse(node)


def xml_parsers(tree: ast.Module) -> Iterator[tuple[str, str]]:
    yield from _named(tree, XML)


def xml_options(tree: ast.Module) -> Iterator[tuple[str, str]]:
    """`collect_ids` opens an external DTD whatever its value; `resolve_entities=True` leaks through parameters."""
    for scope, name, value in _options(tree):
        if name == "collect_ids" or (name == "resolve_entities" and _constant(value) is True):
            yield scope, f"{name}={ast.unparse(value)}"


def redirects(tree: ast.Module) -> Iterator[tuple[str, str]]:
    """A redirect followed by the library shows the client certificate to whoever the answer names."""
    for scope, name, value in _options(tree):
        if name == "allow_redirects" and _constant(value) is not False:
            yield scope, f"{name}={ast.unparse(value)}"
    imports = _imports(tree)
    for scope, node in _scoped(tree):
        if not isinstance(node, ast.Call) or not _is_client_call(node.func, imports):
            continue
        if all(keyword.arg != "allow_redirects" for keyword in node.keywords):
            yield scope, f"{ast.unparse(node.func)}() without allow_redirects=False"


def shells(tree: ast.Module) -> Iterator[tuple[str, str]]:
    yield from _named(tree, SHELL)
    for scope, name, value in _options(tree):
        if name == "shell" and _constant(value) is not False:
            yield scope, f"shell={ast.unparse(value)}"


def weak_tls(tree: ast.Module) -> Iterator[tuple[str, str]]:
    yield from _named(tree, WEAK_TLS)
    yield from _attributes(tree, "CERT_NONE")
    for scope, name, value in _options(tree):
        if name in {"check_hostname", "verify_ssl", "ssl"} and _constant(value) is False:
            yield scope, f"{name}=False"


def real_sleeps(tree: ast.Module) -> Iterator[tuple[str, str]]:
    yield from _named(tree, re.compile(r"time\.sleep"))


def broad_excepts(tree: ast.Module) -> Iterator[tuple[str, str]]:
    for scope, node in _scoped(tree):
        if isinstance(node, ast.ExceptHandler):
            caught = "" if node.type is None else ast.unparse(node.type)
            if not caught or re.search(r"\b(Base)?Exception\b", caught):
                yield scope, f"except {caught}".rstrip()


# --- how they look at a tree ---


def _scoped(node: ast.AST, scope: str = "") -> Iterator[tuple[str, ast.AST]]:
    """Every node with the dotted name of the function or class around it."""
    for child in ast.iter_child_nodes(node):
        yield scope, child
        named = isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
        inner = f"{scope}.{child.name}".lstrip(".") if named else scope  # type: ignore[attr-defined] # named above
        yield from _scoped(child, inner)


def _imports(tree: ast.Module) -> dict[str, str]:
    """Local name -> what it stands for, full name."""
    known: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                first = alias.name.partition(".")[0]
                known |= {alias.asname: alias.name} if alias.asname else {first: first}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            known |= {alias.asname or alias.name: f"{node.module}.{alias.name}" for alias in node.names}
    return known


def _full_name(node: ast.AST, imports: Mapping[str, str]) -> str | None:
    """The full dotted name of an imported thing; None for everything else."""
    if isinstance(node, ast.Name):
        return imports.get(node.id)
    if isinstance(node, ast.Attribute) and (base := _full_name(node.value, imports)):
        return f"{base}.{node.attr}"
    return None


def _named(tree: ast.Module, pattern: re.Pattern[str]) -> Iterator[tuple[str, str]]:
    imports = _imports(tree)
    for scope, node in _scoped(tree):
        name = _full_name(node, imports)
        if name and pattern.fullmatch(name):
            yield scope, name


def _attributes(tree: ast.Module, attribute: str) -> Iterator[tuple[str, str]]:
    for scope, node in _scoped(tree):
        if isinstance(node, ast.Attribute) and node.attr == attribute:
            yield scope, ast.unparse(node)


def _options(tree: ast.Module) -> Iterator[tuple[str, str, ast.expr]]:
    """(function, name, value) of every keyword argument, entry of a literal dict and assigned attribute."""
    for scope, node in _scoped(tree):
        if isinstance(node, ast.keyword) and node.arg:
            yield scope, node.arg, node.value
        elif isinstance(node, ast.Dict):
            for key, value in zip(node.keys, node.values, strict=True):
                if isinstance(key, ast.Constant) and isinstance(key.value, str):
                    yield scope, key.value, value
        elif isinstance(node, ast.Assign):
            for target in node.targets:
                if isinstance(target, ast.Attribute):
                    yield scope, target.attr, node.value


def _constant(node: ast.expr) -> object:
    return node.value if isinstance(node, ast.Constant) else node


def _is_client_call(function: ast.expr, imports: Mapping[str, str]) -> bool:
    if _full_name(function, imports) == "aiohttp.request":
        return True
    is_call = isinstance(function, ast.Attribute) and function.attr in CLIENT_CALLS
    return is_call and SESSION.search(ast.unparse(function.value)) is not None  # type: ignore[attr-defined] # is_call


# --- the rules on the product ---


def found(rule: Rule, trees: Mapping[str, ast.Module]) -> list[str]:
    hits = [(path, scope, what) for path, tree in trees.items() for scope, what in rule(tree)]
    return sorted({f"{path}::{scope} {what}" for path, scope, what in hits})


def expect_none(hits: list[str]) -> None:
    assert not hits, "\n" + "\n".join(hits)


def without(trees: Mapping[str, ast.Module], exempt: Mapping[str, str]) -> dict[str, ast.Module]:
    return {path: tree for path, tree in trees.items() if path not in exempt}


def test_core_and_engine_draw_no_chance(heart: dict[str, ast.Module]) -> None:
    expect_none(found(chance, heart))


def test_core_and_engine_read_no_clock_of_the_machine(heart: dict[str, ast.Module]) -> None:
    expect_none(found(clock, heart))


def test_every_task_of_the_engine_lives_in_a_task_group(heart: dict[str, ast.Module]) -> None:
    expect_none(found(bare_tasks, heart))


def test_core_and_engine_start_no_thread(heart: dict[str, ast.Module]) -> None:
    expect_none(found(threads, heart))


def test_no_safety_check_of_core_and_engine_dies_under_dash_o(heart: dict[str, ast.Module]) -> None:
    expect_none(found(asserts, heart))


def test_xml_is_parsed_in_two_hardened_places_only(product: dict[str, ast.Module]) -> None:
    expect_none(found(xml_parsers, without(product, XML_MODULES)))


def test_no_parser_is_told_to_open_what_a_document_names(product: dict[str, ast.Module]) -> None:
    expect_none(found(xml_options, product))


def test_no_redirect_is_followed_by_the_library(product: dict[str, ast.Module]) -> None:
    expect_none(found(redirects, product))


def test_no_shell_reads_what_we_start(product: dict[str, ast.Module]) -> None:
    expect_none(found(shells, product))


def test_no_certificate_or_host_name_goes_unchecked(product: dict[str, ast.Module]) -> None:
    expect_none(found(weak_tls, product))


def test_nothing_sleeps_on_the_thread_of_the_loop(product: dict[str, ast.Module]) -> None:
    expect_none(found(real_sleeps, product))


def test_everything_is_caught_in_the_listed_places_only(product: dict[str, ast.Module]) -> None:
    expect_none([hit for hit in found(broad_excepts, product) if hit.partition(" ")[0] not in BROAD_EXCEPTS])


def test_every_exemption_is_still_needed(product: dict[str, ast.Module]) -> None:
    needed = {hit.partition(" ")[0] for rule in (xml_parsers, broad_excepts) for hit in found(rule, product)}
    needed |= {place.partition("::")[0] for place in needed}
    expect_none([place for place in {**XML_MODULES, **BROAD_EXCEPTS} if place not in needed])


# --- planted violations ---

PLANTED: Final[list[tuple[Rule, str]]] = [
    (chance, "import random\nx = random.random()"),
    (chance, "from random import Random as R\nx = R(1)"),
    (chance, "import uuid\nx = str(uuid.uuid4())"),
    (chance, "import os\nx = os.urandom(8)"),
    (chance, "from secrets import token_hex\nx = token_hex()"),
    (clock, "import time\nx = time.time()"),
    (clock, "from time import time as t\nx = t()"),
    (clock, "import time\ndef f(now=time.monotonic): ..."),
    (clock, "from datetime import UTC, datetime\nx = datetime.now(UTC)"),
    (clock, "import datetime as d\nx = d.date.today()"),
    (bare_tasks, "import asyncio\nasync def f(): asyncio.create_task(g())"),
    (bare_tasks, "from asyncio import gather\nasync def f(): await gather(g())"),
    (bare_tasks, "import asyncio\nasync def f(): asyncio.ensure_future(g())"),
    (bare_tasks, "class C:\n  def f(self): self._loop.create_task(g())"),
    (bare_tasks, "import asyncio\nasync def f(): asyncio.get_running_loop().create_task(g())"),
    (threads, "import asyncio\nasync def f(): await asyncio.to_thread(g)"),
    (threads, "async def f(loop): await loop.run_in_executor(None, g)"),
    (threads, "import threading\nx = threading.Lock()"),
    (asserts, "def f(x):\n  assert x > 0, 'unsafe'"),
    (xml_parsers, "from lxml import etree\nx = etree.fromstring(b'<a/>')"),
    (xml_parsers, "from lxml.etree import XMLParser as P\nx = P()"),
    (xml_parsers, "import lxml.etree as e\nx = e.parse('f')"),
    (xml_parsers, "from lxml import objectify\nx = objectify.fromstring('f')"),
    (xml_parsers, "import xml.etree.ElementTree as ET\nx = ET.fromstring('f')"),
    (xml_options, "x = make(collect_ids=False)"),
    (xml_options, "x = {'collect_ids': True}"),
    (xml_options, "x = make(resolve_entities=True)"),
    (redirects, "async def f(session): await session.get('u')"),
    (redirects, "class C:\n  async def f(self): await self._session.request('GET', 'u', **options)"),
    (redirects, "async def f(session): await session.post('u', allow_redirects=True)"),
    (redirects, "async def f(session, follow): await session.put('u', allow_redirects=follow)"),
    (redirects, "x = {'allow_redirects': True}"),
    (redirects, "import aiohttp\nasync def f(): aiohttp.request('GET', 'u')"),
    (shells, "import subprocess\nsubprocess.run('x', shell=True)"),
    (shells, "import os\nos.system('x')"),
    (shells, "import asyncio\nasync def f(): await asyncio.create_subprocess_shell('x')"),
    (weak_tls, "import ssl\nx = ssl.CERT_NONE"),
    (weak_tls, "def f(context): context.check_hostname = False"),
    (weak_tls, "x = connector(ssl=False)"),
    (real_sleeps, "from time import sleep\nsleep(1)"),
    (broad_excepts, "try: f()\nexcept: pass"),
    (broad_excepts, "try: f()\nexcept Exception: pass"),
    (broad_excepts, "try: f()\nexcept (ValueError, BaseException) as e: pass"),
]


@pytest.mark.parametrize(("rule", "snippet"), PLANTED)
def test_each_rule_finds_what_was_planted_for_it(rule: Rule, snippet: str) -> None:
    assert found(rule, {"a.py": ast.parse(snippet)}) != []


INNOCENT: Final[list[tuple[Rule, str]]] = [
    (chance, "def f(random): return random.random()"),
    (clock, "from datetime import datetime\ndef f(clock): return clock.time(), datetime.fromtimestamp(0)"),
    (bare_tasks, "async def f(group): group.create_task(g(), name='x')"),
    (threads, "async def f(group): group.start(g)"),
    (asserts, "from typing import assert_never\ndef f(x): assert_never(x)"),
    (xml_parsers, "from lxml import etree\nx = etree.Element('a')\ny = etree.tostring(x)"),
    (xml_parsers, "from xml.sax.saxutils import escape\nx = escape('<')"),
    (xml_options, "x = make(resolve_entities='internal')"),
    (redirects, "async def f(session): await session.get('u', allow_redirects=False)"),
    (redirects, "def f(sessions, options): return sessions.get('u'), options.get('v')"),
    (shells, "import subprocess\nsubprocess.run(['x'], shell=False)"),
    (weak_tls, "import ssl\nx = ssl.create_default_context()\nx.check_hostname = True"),
    (real_sleeps, "import asyncio\nasync def f(): await asyncio.sleep(1)"),
    (broad_excepts, "try: f()\nexcept (ValueError, ExceptionGroup): pass"),
]


@pytest.mark.parametrize(("rule", "snippet"), INNOCENT)
def test_no_rule_accuses_the_innocent(rule: Rule, snippet: str) -> None:
    assert found(rule, {"a.py": ast.parse(snippet)}) == []


def test_every_rule_has_something_planted_and_something_innocent() -> None:
    rules = {chance, clock, bare_tasks, threads, asserts, xml_parsers, xml_options, redirects, shells, weak_tls}
    rules |= {real_sleeps, broad_excepts}
    assert {rule for rule, _ in PLANTED} == {rule for rule, _ in INNOCENT} == rules


def test_a_finding_names_the_method_it_is_in() -> None:
    tree = ast.parse("class C:\n  def f(self):\n    try: g()\n    except Exception: pass")
    assert found(broad_excepts, {"a.py": tree}) == ["a.py::C.f except Exception"]
