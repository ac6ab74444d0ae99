"""What is made when a module is imported: by a call, by a registry, from the environment or a file. An edit of it is seen, and nothing else is."""

import importlib
import json
import os
import pathlib
import re
import subprocess
import sys

import pytest

from pipeline import fingerprint
from pipeline.scope import current

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
HEAD = """
import bisect, collections, dataclasses, datetime, decimal, enum, functools, json, os, pathlib, pickle, typing
import numpy as np
import luigi
from pipeline import Task
"""
STEP = """
class Step(Task):
    def easy_run(self, inputs):
        return {}
"""
MAKE = "def make(*given):\n    def apply(x):\n        return [x, given]\n    return apply\n"
HERE = "pathlib.Path(__file__).parent"
MANY = "def a(x):\n    return x\ndef bb(x):\n    return -x\nKNOWN = {'a': a, 'bb': bb}\n"

#: Each: the module, with what is edited as «before||after», and what the step does.
SEEN = {
    "a function that an object of a library keeps": (
        "import xmlrpc.server\nSERVER = xmlrpc.server.SimpleXMLRPCDispatcher()\n@SERVER.register_function\ndef double(x):\n    return x * «1||2»",
        "SERVER.funcs['double'](1)",
    ),
    "what a comprehension makes of a name that is a clock elsewhere": (
        "import time\nt = time.time()\nTOTAL = sum(len(t) for t in os.environ['EDITED'].split(','))",
        "TOTAL",
    ),
    "what a lambda makes of a name that is a clock elsewhere": (
        "import time\nx = time.time()\nKEY = max(os.environ['EDITED'].split(','), key=lambda x: len(x))",
        "KEY",
    ),
    "a constant beside a clock": (
        "import time\nSTART, LIMIT = time.time(), len(os.environ['EDITED'])\nTWICE = LIMIT * 2",
        "TWICE",
    ),
    "a number that a function sets at import": ("RATE = None\ndef start():\n    global RATE\n    RATE = «1||2»\nstart()", "RATE"),
    "what a method sets at import": (
        "def of(x):\n    return x * «1||2»\nclass Setting:\n    def start(self):\n        global RATE\n        RATE = of(1)\nSetting().start()",
        "RATE",
    ),
    "an attribute that a loop gives to the steps": (
        "class NAME(Task):\n    def easy_run(self, inputs):\n        return self.extra\nfor step in (NAME,):\n    step.extra = [«1||2»]",
        None,
    ),
    "a function in a table that contains itself": (
        "def a(x):\n    return «1||2»\nTREE = {'name': 'root', 'below': []}\nTREE['below'].append({'above': TREE, 'call': a})",
        "TREE['below'][0]['call'](1)",
    ),
    "a method of the members of an enum that is a parameter": (
        "class Loss(enum.Enum):\n    MSE = 'mse'\n    def of(self, x):\n        return x * «1||2»\n"
        "class NAME(Task):\n    loss = luigi.EnumParameter(enum=Loss, default=Loss.MSE)\n"
        "    def easy_run(self, inputs):\n        return self.loss.of(1)",
        None,
    ),
    "a method of the class of a parameter's value": (
        "@dataclasses.dataclass(frozen=True)\nclass Opts:\n    a: int = 1\n    def total(self):\n        return self.a + «1||2»\n"
        "class OptsParameter(luigi.Parameter):\n    def serialize(self, x):\n        return str(x.a)\n"
        "class NAME(Task):\n    opts = OptsParameter(default=Opts())\n    def easy_run(self, inputs):\n        return self.opts.total()",
        None,
    ),
    "a method of a configuration": (
        "class Knobs(luigi.Config):\n    size = luigi.IntParameter(default=3)\n    def area(self):\n        return self.size * «2||3»",
        "Knobs().area()",
    ),
    "an attribute of a configuration, made at import": (
        "class Knobs(luigi.Config):\n    size = luigi.IntParameter(default=3)\n    scale = «2||3»\nKNOBS = Knobs()",
        "KNOBS.scale",
    ),
    "a folder from the environment, made whole": ("FOLDER = pathlib.Path(os.environ['EDITED']).resolve()", "FOLDER"),
    "an annotation of what a library's decorator has made": ("@np.errstate()\ndef double(x: «int||float»):\n    return x * 2", "double(1)"),
    "what an annotation names of what a library's decorator has made": (
        "def check(x):\n    return x * «1||2»\n@np.errstate()\ndef double(x: typing.Annotated[int, check]):\n    return x * 2",
        "double(1)",
    ),
    "a type that an annotation of a class names": (
        "class Inner:\n    def size(self):\n        return «1||2»\nclass Model:\n    inner: Inner",
        "typing.get_type_hints(Model)['inner']().size()",
    ),
    "the second lambda of a line": ("TABLE = {'a': lambda x: x + 1, 'b': lambda x: x + «2||3»}", "TABLE['b'](1)"),
    "the second lambda of a line, which asks": ("PAIR = [lambda x: 1 if x else 2, lambda x: 1 if x else «2||3»]", "PAIR[1](1)"),
    "the second lambda of a line, with what surrounds it": (
        "def make(k):\n    return [lambda x: x + k, lambda x: x * «k||-k»]\nPAIR = make(3)",
        "PAIR[1](1)",
    ),
    "an object whose attributes are entries": (
        "class Entries(dict):\n    __getattr__ = dict.__getitem__\nCONF = Entries(a=«1||2», b=Entries(c=1))\nclass Held:\n    conf = CONF",
        "(CONF.a, Held.conf.a)",
    ),
    "what a later `import *` does not have": ("COLUMNS = ['a', '«b||c»']\nfrom NAME_lazy import *", "COLUMNS"),
    "a method for one class of many": (
        "class Show:\n    @functools.singledispatchmethod\n    def show(self, x):\n        return 0\n    @show.register\n    def _(self, x: int):\n"
        "        return «1||2»\n    @show.register\n    def _(self, x: str):\n        return 5",
        "Show().show(1)",
    ),
    "for which class a method is": (
        "class Show:\n    @functools.singledispatchmethod\n    def show(self, x):\n        return 0\n    @show.register\n"
        "    def on_number(self, x: «int||float»):\n        return 1",
        "Show().show(1)",
    ),
    "a registry of objects that hold functions": (
        "class Rule:\n    def __init__(self, check):\n        self.check = check\nRULES = []\ndef rule(function):\n    RULES.append(Rule(function))\n"
        "    return function\n@rule\ndef positive(x):\n    return x > «0||5»",
        "[rule.check(3) for rule in RULES]",
    ),
    "a queue of functions": (
        "TODO = collections.deque()\ndef todo(function):\n    TODO.append(function)\n    return function\n"
        "@todo\ndef first(x):\n    return x + «1||2»",
        "[do(1) for do in TODO]",
    ),
    "what the second branch imports": (
        "def f(x):\n    if x is None:\n        from os import getcwd as made\n    else:\n"
        "        from NAME_lazy import clean as made\n    return made(x)",
        "f(1)",
    ),
    "an attribute that a class is given in its module": (
        "class Model:\n    def f(self):\n        return 1\nModel.columns = ['«a||b»']",
        "Model.columns",
    ),
    "an attribute that a function is given": ("def score(x):\n    return x * score.factor\nscore.factor = «2||3»", "score(1)"),
    "what a class method of another step asks its class for": (
        "class Other(Task):\n    PREFIX = ['«a||b»']\n    @classmethod\n    def columns(cls):\n        return cls.PREFIX\n"
        "    def easy_run(self, inputs):\n        return 1",
        "Other.columns()",
    ),
    "a pattern from the environment": ("import re\nPATTERN = re.compile(os.environ['EDITED'])", "PATTERN.pattern"),
    "a number of numpy's from the environment": ("RATE = np.float64(len(os.environ['EDITED']))", "RATE"),
    "a lambda in a lambda": ("f = lambda x: (lambda y: y + «1||2»)(x)", "f(1)"),
    "a function made with a list": (MAKE + "f = make([«1||2»])", "f(3)"),
    "functions composed": (MAKE + "f = make(«abs, len||len, abs»)", "f(3)"),
    "a class made by a function": (
        "def make(given):\n    class Model:\n        limit = given\n    return Model\nModel = make([«1||2»])",
        "Model().limit",
    ),
    "a namedtuple": ("Conf = collections.namedtuple('Conf', 'a b', defaults=[1, «1||2»])", "Conf(1).b"),
    "an enumeration that is called": ("Color = enum.Enum('Color', {'RED': «1||2»})", "Color.RED.value"),
    "a class of `type`": ("Conf = type('Conf', (), {'limit': [«1||2»]})", "Conf.limit"),
    "a registry that subclasses fill": (
        "class Base:\n    known = {}\n    def __init_subclass__(cls, **more):\n        Base.known[cls.__name__] = cls\n"
        "class A(Base):\n    def run(self, x):\n        return x * «2||3»",
        "Base.known['A']().run(1)",
    ),
    "a registry that is an object": (
        "class Registry:\n    def __init__(self):\n        self.known = {}\n    def add(self, function):\n        self.known['a'] = function\n"
        "        return function\nREG = Registry()\n@REG.add\ndef first(x):\n    return x + «1||2»",
        "REG.known['a'](1)",
    ),
    "a registry of objects": (
        "KNOWN = {}\ndef register(cls):\n    KNOWN[cls.__name__] = cls()\n    return cls\n"
        "@register\nclass A:\n    def run(self, x):\n        return x * «2||3»",
        "KNOWN['A'].run(1)",
    ),
    "an implementation for a class": (
        "@functools.singledispatch\ndef show(x):\n    return 1\n@show.register\ndef _(x: int):\n    return «2||3»",
        "show(1)",
    ),
    "the class of an implementation": (
        "@functools.singledispatch\ndef show(x):\n    return 1\n@show.register(«int||str»)\ndef _(x):\n    return 2",
        "show(1)",
    ),
    "a text beside the module": (f"SQL = ({HERE} / 'NAME.txt').read_text()", "SQL"),
    "a list from the environment": ("HOSTS = os.environ['EDITED'].split(',')", "HOSTS"),
    "a dict from the environment": ("CONF = {'size': os.environ['EDITED']}", "CONF['size']"),
    "a date from the environment": ("DAY = datetime.date(2020, 1, len(os.environ['EDITED']))", "DAY"),
    "days between dates": ("DAYS = (datetime.date(2020, 1, len(os.environ['EDITED'])) - datetime.date(2020, 1, 1)).days", "DAYS"),
    "a path from the environment": ("WHERE = pathlib.Path(os.environ['EDITED'])", "str(WHERE)"),
    "an array": ("WEIGHTS = np.full(2, len(os.environ['EDITED']))", "WEIGHTS"),
    "a dataclass": ("@dataclasses.dataclass(frozen=True)\nclass Conf:\n    size: int\nCONF = Conf(len(os.environ['EDITED']))", "CONF.size"),
    "a file that a function of one's own parses": (
        f"def load(path):\n    return json.loads(path.read_text())\nCONF = [load({HERE} / 'NAME.txt')]",
        "CONF",
    ),
    "a file that is parsed": (f"CONF = json.loads(({HERE} / 'NAME.txt').read_text())", "CONF"),
    "an attribute that has the name of what it takes": ("COLUMNS = ['a', '«b||c»']\nclass Conf:\n    COLUMNS = COLUMNS", "Conf.COLUMNS"),
    "a private attribute": ("class Conf:\n    _limit = len(os.environ['EDITED'])", "Conf._limit"),
    "a step made by a function": (
        "def make(given):\n    class Step(Task):\n        limit = given\n        def easy_run(self, inputs):\n            return self.limit\n"
        "    return Step\nNAME = make([«1||2»])",
        None,
    ),
    "an attribute that a module makes when it is asked": ("import NAME_lazy as lazy", "lazy.clean(3)"),
    "a default of a class of configuration": ("class conf(luigi.Config):\n    alpha = luigi.FloatParameter(default=«1.0||2.0»)", "conf().alpha"),
    "a default of a step that is asked for": (
        "class Asked(Task):\n    n = luigi.IntParameter(default=«1||2»)\n    def easy_run(self, inputs):\n        return self.n\n"
        "class NAME(Task):\n    def easy_run(self, inputs):\n        return (yield Asked())",
        None,
    ),
    "a computed default of a step that is asked for": (
        "class Asked(Task):\n    name = luigi.Parameter(default=os.environ['EDITED'])\n    def easy_run(self, inputs):\n        return self.name\n"
        "class NAME(Task):\n    def easy_run(self, inputs):\n        return (yield self.clone(Asked))",
        None,
    ),
    "a setting whose absence is logged": (
        "import logging\ntry:\n    LIMIT = len(os.environ['EDITED'])\nexcept KeyError:\n    logging.getLogger('x').info('none')\n    LIMIT = 3",
        "LIMIT",
    ),
    "a file that is read and logged": (
        f"import logging\ntry:\n    with open({HERE} / 'NAME.txt') as file:\n        CONF = json.load(file)\n"
        "except OSError:\n    logging.warning('none')\n    CONF = {}",
        "CONF",
    ),
    "a setting with the name of a clock": ("today = os.environ['EDITED']\nplatform = os.environ['EDITED']\nhome = os.environ['EDITED']", "today"),
    "a time of day": ("START = datetime.time(len(os.environ['EDITED']))", "START"),
    "an attribute of a setting": ("import types\nconf = types.SimpleNamespace(id=os.environ['EDITED'])\nMINE = conf.id", "MINE"),
    "a function of one's own that bears the name of another": (
        "def resolve(text):\n    return text\nREGION = resolve(os.environ['EDITED'])",
        "REGION",
    ),
    "a function that was chosen": (f"{MANY}ACTIVE = KNOWN[os.environ['EDITED']]", "ACTIVE(1)"),
    "a function that was chosen by a condition": (f"{MANY}ACTIVE = a if os.environ['EDITED'] == 'a' else bb", "ACTIVE(1)"),
    "a function that was chosen in a statement": (f"{MANY}if os.environ['EDITED'] == 'a':\n    ACTIVE = a\nelse:\n    ACTIVE = bb", "ACTIVE(1)"),
    "a function that was chosen for a class": (f"{MANY}class Conf:\n    go = KNOWN[os.environ['EDITED']]", "Conf.go(1)"),
    "a function that was chosen as a default": (f"{MANY}def f(how=KNOWN[os.environ['EDITED']]):\n    return how(1)", "f()"),
    "a class that was chosen": ("class a:\n    n = 1\nclass bb:\n    n = 2\nACTIVE = {'a': a, 'bb': bb}[os.environ['EDITED']]", "ACTIVE.n"),
    "what a partial was given": ("def f(n, x):\n    return n + x\nADD = functools.partial(f, len(os.environ['EDITED']))", "ADD(1)"),
    "a dict whose name an argument of another function has": (
        "config = {'size': os.environ['EDITED']}\ndef other(config):\n    config['x'] = 1\ndef third():\n    config = {}\n    config['y'] = 2",
        "config['size']",
    ),
    "an index that a loop fills": (
        "INDEX = {}\nfor key in os.environ['EDITED']:\n    INDEX.setdefault(key, []).append(«1||2»)",
        "INDEX",
    ),
    "a match": ("match os.environ['EDITED']:\n    case 'a':\n        LIMIT = 1\n    case _:\n        LIMIT = 2", "LIMIT"),
    "private attributes in a statement": (
        "class Conf:\n    try:\n        _limit = len(os.environ['EDITED'])\n    except KeyError:\n        _limit = 0\n"
        "    _a, _b = 1, os.environ['EDITED']",
        "(Conf._limit, Conf._b)",
    ),
}
#: An edit that means nothing here, and what changes in every process.
UNSEEN = {
    "what a loop over steps does beside": (
        "class NAME(Task):\n    def easy_run(self, inputs):\n        return 1\nfor step in (NAME,):\n    made = [step.__name__, «1||2»]",
        None,
    ),
    "what is beside another name of a step": (
        "class NAME(Task):\n    def easy_run(self, inputs):\n        return 1\nif __name__ != 'x':\n    chosen = NAME\n    made = «1||2»",
        None,
    ),
    "what a table that contains itself does not say": ("TREE = {'name': 'root', 'below': []}\nTREE['below'].append({'above': TREE})", "TREE['name']"),
    "what is nested without end": ("DEEP = []\nfor _ in range(5000):\n    DEEP = [DEEP]", "len(DEEP)"),
    "another member of an enum that is a parameter": (
        "class Loss(enum.Enum):\n    MSE = 'mse'; «||MAE = 'mae'»\n    def of(self, x):\n        return x\n"
        "class NAME(Task):\n    loss = luigi.EnumParameter(enum=Loss, default=Loss.MSE)\n"
        "    def easy_run(self, inputs):\n        return self.loss.of(1)",
        None,
    ),
    "an annotation of what a decorator of Python has made": ("@functools.cache\ndef double(x: «int||float»):\n    return x * 2", "double(1)"),
    "what is made of a moment": (
        "import time\nNOW = datetime.datetime.now()\nSTAMP = NOW.strftime('%f')\nSTART = time.time()\nMIDDLE = START + 5\nEND = MIDDLE * 2",
        "(STAMP, END)",
    ),
    "a cache": ("CACHE = dict()\ndef remember(x):\n    CACHE[x] = os.getpid()\n    return CACHE[x]\nremember(1)", "remember(3)"),
    "where the module lies": (
        f"import os.path\nHERE = {HERE}\nNAMES = [str({HERE})]\nTEXT = os.path.dirname(os.path.abspath(__file__))",
        "(HERE, NAMES, TEXT)",
    ),
    "what lies beside the module": (
        f"import os.path\nHERE = {HERE}\nROOT = {HERE}.resolve()\nSQL = HERE / 'sql'\nQUERY = os.path.join(str(ROOT), 'x.sql')\nclass Paths:\n"
        "    query = SQL / 'q.sql'\ndef f(path=SQL / 'q.sql'):\n    return path\n" + MAKE + "g = make(str(SQL))",
        "(SQL, QUERY, Paths.query, f(), g(1))",
    ),
    "one's own folder": ("CACHE = pathlib.Path.home() / '.cache'\nMINE = CACHE / 'mine'", "MINE"),
    "what is done with an object of a class": (
        "class Conf:\n    n = 1\n    def load(self):\n        return []\nfor name in «[1]||[2]»:\n    Conf().load().append(name)",
        "Conf.n",
    ),
    "a moment in a class": (
        "from time import time_ns\nfrom random import randint\nclass Conf:\n    born = time_ns()\n    drawn = randint(1, 10**9)",
        "(Conf.born, Conf.drawn)",
    ),
    "a moment": ("NOW = [datetime.datetime.now().isoformat()]\nDAY = datetime.date.today()", "(NOW, DAY)"),
    "chance": ("DRAWN = np.random.default_rng().normal(size=3)", "DRAWN"),
    "another function of the same factory": (MAKE + "f = make([1])\ng = make([«1||2»])", "f(3)"),
    "sets in a tuple": (
        "GROUPS = (frozenset({'a', 'b', 'c', 'd'}), frozenset({'e', 'f', 'g'}), frozenset({('h', frozenset('ij'))}))",
        "GROUPS",
    ),
    "a lock in a dict": ("import threading\nLOCKS = {'a': threading.Lock()}", "LOCKS"),
}
#: What static reading does not see, as docs/limits.md says.
LIMITS = {
    "the value of a member": (
        "class Color(enum.Enum):\n    RED = «1||2»\n"
        "class NAME(Task):\n    color = luigi.EnumParameter(enum=Color, default=Color.RED)\n"
        "    def easy_run(self, inputs):\n        return self.color.value",
        None,
    ),
    "what a configuration gives": (
        "class conf(luigi.Config):\n    alpha = luigi.Parameter(default='1')\n"
        "luigi.configuration.get_config().set('conf', 'alpha', os.environ['EDITED'])",
        "conf().alpha",
    ),
    "a method of another step through an object": (
        "class Other(Task):\n    def names(self):\n        return «1||2»\n    def easy_run(self, inputs):\n        return 1\nOTHER = [Other]",
        "OTHER[0]().names()",
    ),
    "what `requires` sets": (
        "class NAME(Task):\n    def requires(self):\n        self.factor = «2||3»\n        return []\n"
        "    def easy_run(self, inputs):\n        return self.factor",
        None,
    ),
    "a type that only an annotation names, as text": (
        "class Inner:\n    def size(self):\n        return «1||2»\nclass Model:\n    inner: 'Inner'",
        "typing.get_type_hints(Model)['inner']().size()",
    ),
    "a class in a file that a step pickled itself": (
        "class Held:\n    def size(self):\n        return «1||2»",
        "pickle.loads(pathlib.Path('held.pickle').read_bytes()).size()",
    ),
    "a module with the name of one of Python's": ("import colorsys", "colorsys.answer()"),
    "subclasses that are asked for": (
        "class Base:\n    pass\nclass One(Base):\n    def fit(self):\n        return «1||2»",
        "[one().fit() for one in Base.__subclasses__()]",
    ),
    "a function that a library keeps for itself": (
        "import copyreg, pickle\nclass Box:\n    pass\ndef form(box):\n    return int, («1||2»,)\ncopyreg.pickle(Box, form)",
        "pickle.loads(pickle.dumps(Box()))",
    ),
    "how a library was set up at import": ("np.random.seed(«1||2»)", "np.random.randint(100)"),
    "what a call puts into a table": ("TABLE = {}\ndef fill(table):\n    table['a'] = «1||2»\nfill(TABLE)", "TABLE['a']"),
}


@pytest.fixture(scope="module")
def digests(tmp_path_factory):
    """Fingerprints of the steps of all cases: (before, again in another folder and process, after)."""
    found = []
    for which, edited in ((1, "a"), (1, "a"), (2, "bb")):
        folder = tmp_path_factory.mktemp("app")
        for at, (text, body) in enumerate([*SEEN.values(), *UNSEEN.values(), *LIMITS.values()]):
            name = f"case{at}"
            text = HEAD + text + (STEP.format(body) if body is not None else "")
            (folder / f"{name}.py").write_text(re.sub("«(.*?)\\|\\|(.*?)»", rf"\{which}", text).replace("NAME", name))
            (folder / f"{name}.txt").write_text(f'"{edited}"')
            (folder / "colorsys.py").write_text(f"def answer():\n    return {which}\n")
            (folder / f"{name}_lazy.py").write_text(
                f"def __getattr__(name):\n    if name != 'clean':\n        raise AttributeError(name)\n    return lambda x: x + {which}\n"
            )
        (folder / "tell.py").write_text(
            "import importlib, json\nfrom pipeline.scope import current\n"
            f"modules = [importlib.import_module(f'case{{at}}') for at in range({len(SEEN) + len(UNSEEN) + len(LIMITS)})]\n"
            "steps = [vars(module).get('Step') or vars(module)[module.__name__] for module in modules]\n"
            "print(json.dumps([current().code.of(step).digest for step in steps]))\n"
        )
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "EDITED": edited, "LUIGI_CONFIG_PATH": "none.cfg"}
        done = subprocess.run([sys.executable, "tell.py"], cwd=folder, env=environment, capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stderr
        assert "has no source" not in done.stderr, done.stderr
        found.append(dict(zip([*SEEN, *UNSEEN, *LIMITS], json.loads(done.stdout), strict=True)))
    return found


@pytest.mark.parametrize("name", SEEN)
def test_an_edit_is_seen(name, digests):
    before, again, after = digests
    assert before[name] == again[name]
    assert before[name] != after[name]


@pytest.mark.parametrize("name", [*UNSEEN, *LIMITS])
def test_what_means_nothing_is_not(name, digests):
    assert len({found[name] for found in digests}) == 1


def test_a_file_that_a_base_class_reads_lies_beside_the_base(app):
    for name in ("shared", "flow"):
        (app / name).mkdir()
        (app / name / "__init__.py").touch()
        (app / name / "query.sql").write_text("select 1")
    (app / "shared" / "base.py").write_text("from pipeline import Task\nclass Base(Task):\n    reads = ('query.sql',)\n")
    (app / "flow" / "steps.py").write_text("from shared.base import Base\nclass Step(Base):\n    def easy_run(self, inputs):\n        return 1\n")
    step = importlib.import_module("flow.steps").Step
    before = fingerprint.of_task(step).digest
    (app / "flow" / "query.sql").write_text("select 2")
    assert fingerprint.of_task(step).digest == before
    (app / "shared" / "query.sql").write_text("select 2")
    assert fingerprint.of_task(step).digest != before


def test_a_pickled_function_that_finds_itself_through_its_module_is_looked_at_once(app):
    (app / "registry.py").write_text(
        "import functools, registry\n"
        "def other():\n    return 1\n"
        "def third(x):\n    return x\n"
        "@functools.lru_cache\ndef kept(x):\n    return x\n"
        "class Model:\n    pass\n"
        "held, model = functools.partial(third, 1), Model()\n"
        "def make():\n    def run(x):\n"
        "        return registry.run(x), registry.other(), registry.held(), registry.model, registry.kept\n    return run\n"
        "run = make()\n"
    )
    names, _ = current().code.names_in([importlib.import_module("registry").run])
    assert list(names) == [f"registry:{name}" for name in ("held", "kept", "model", "other", "run")]
