"""Models whose calls change something else than what they return, each in a way of its own.

Each of them takes a tensor of shape (N, 4), and has a parameter.
"""

import array
import dataclasses
import functools
import os
import random
import threading
import types
import warnings
import weakref
from collections import Counter, OrderedDict, deque
from contextvars import ContextVar

import numpy as np
import torch
from torch import nn

CACHE = {}
COUNTS = Counter()
HISTORY = deque(maxlen=3)
ORDERED = OrderedDict(a=1, b=2)
NESTED = {"lists": [[{"sets": {1}}]], "tuple": ([], {})}
STATE = None
STEPS = torch.zeros(())
TABLE = np.zeros(3)
RANDOM = random.Random(7)
GENERATOR = np.random.default_rng(7)
LOCAL = threading.local()
WEAK = weakref.WeakKeyDictionary()
CONTEXT = ContextVar("CONTEXT", default=None)
BUFFER, ARRAY = bytearray(b"abc"), array.array("i", [1, 2])
NAMESPACE = types.SimpleNamespace(last=None, calls=0)


class Base(nn.Module):
    """Scales its input, after it has changed what is not its own."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(4))

    def forward(self, x):
        y = x * self.weight
        self.change(y)
        return y.exp()


class ClassCache(Base):
    cache, lasts = {}, [None]

    def change(self, y):
        if "bias" not in self.cache:
            self.cache["bias"] = torch.ones(4).exp()
        self.lasts[0] = y


class ClassAttribute(Base):
    last = None
    calls = 0

    def change(self, y):
        type(self).last = y
        type(self).calls += 1
        type(self).new = y
        Base.touched = y
        nn.Linear.touched = y


class Globals(Base):
    def change(self, y):
        global STATE, MADE
        STATE = MADE = y
        CACHE[len(CACHE)] = y
        COUNTS["calls"] += 1
        HISTORY.append(y)
        ORDERED.move_to_end("a")
        ORDERED["c"] = y
        NESTED["lists"][0][0]["sets"].add(2)
        NESTED["tuple"][0].append(y)
        BUFFER.extend(b"d")
        ARRAY.append(3)
        NAMESPACE.last, NAMESPACE.calls = y, NAMESPACE.calls + 1
        LOCAL.last = y
        WEAK[self] = y
        CONTEXT.set(y)


class GlobalsByName(Base):
    def change(self, y):
        globals()["CACHE"]["by name"] = y
        globals()["BY_NAME"] = y


class Data(Base):
    def change(self, y):
        STEPS.add_(1)
        TABLE[0] += 1


class Draws(Base):
    def change(self, y):
        random.random()
        np.random.rand()
        torch.rand(2, device="cpu")
        RANDOM.random()
        GENERATOR.random()


class Reseeds(Base):
    def change(self, y):
        torch.manual_seed(3)
        random.seed(3)
        np.random.seed(3)


@functools.lru_cache
def remembered(length):
    return types.SimpleNamespace(table=torch.ones(length))


@functools.cache
def state_of_all():
    return {"calls": 0}


class Remembers(Base):
    @functools.cached_property
    def table(self):
        return torch.ones(4)

    def change(self, y):
        remembered(4)
        state_of_all()["calls"] += 1
        self.table.exp()


def counter():
    calls, seen = 0, []

    def count(y):
        nonlocal calls
        calls += 1
        seen.append(y)
        return calls

    return count


COUNT = counter()


def default(y, kept=[], *, named={}):  # noqa: B006
    kept.append(y)
    named["y"] = y
    default.calls = getattr(default, "calls", 0) + 1
    default.__defaults__ = (kept, 1)[:1]


class Functions(Base):
    def __init__(self):
        super().__init__()
        self.count, self.part = counter(), functools.partial(default, kept=[])

    def change(self, y):
        self.count(y)
        COUNT(y)
        default(y)
        self.part(y)


@dataclasses.dataclass
class Record:
    last: object = None
    entries: list = dataclasses.field(default_factory=list)


class Slots:
    __slots__ = ("entries", "last")

    def __init__(self):
        self.entries = []


@dataclasses.dataclass(frozen=True, slots=True)
class Frozen:
    entries: dict


SLOTS, FROZEN, RECORD = Slots(), Frozen({}), Record()


class Objects(Base):
    record = Record()

    def __init__(self):
        super().__init__()
        self.own, self.slots, self.plain = Record(), Slots(), types.SimpleNamespace(last=[])

    def change(self, y):
        for record in (self.record, RECORD, self.own):
            record.last = y
            record.entries.append(y)
        for slots in (SLOTS, self.slots):
            slots.last = y
            slots.entries.append(y)
        object.__setattr__(FROZEN, "entries", {1: y})
        self.plain.last.append(y)


class FrozenDict(OrderedDict):
    """As that of diffusers, whose methods refuse to change it."""

    def __init__(self, *entries, **named):
        super().__init__(*entries, **named)
        for key, value in self.items():
            object.__setattr__(self, key, value)
        object.__setattr__(self, "frozen", True)

    def _refuse(self, *_, **__):
        raise TypeError("this is frozen")

    def __setitem__(self, key, value):
        if getattr(self, "frozen", False):
            self._refuse()
        super().__setitem__(key, value)

    __delitem__ = setdefault = pop = update = clear = popitem = _refuse


class Liar(dict):
    """A dict that answers nothing truly."""

    def _nothing(self, *_, **__):
        return iter(())

    def __len__(self):
        return 0

    __iter__ = keys = values = items = _nothing
    clear = update = __setitem__ = __delitem__ = copy = pop = _nothing


class LyingList(list):
    def _nothing(self, *_):
        return None

    clear = extend = append = _nothing

    def __iter__(self):
        return iter(())

    def __len__(self):
        return 0


SHARED = FrozenDict(width=3, layers=[1])
LIAR = Liar()
dict.__setitem__(LIAR, "calls", 0)


class ReadOnly(Base):
    """Its configuration says how much it does."""

    shared = types.MappingProxyType({"entries": []})

    def __init__(self, copies=3):
        super().__init__()
        self.config = FrozenDict(copies=copies, names=["a"])
        self.liar, self.list = Liar(), LyingList()
        dict.__setitem__(self.liar, "calls", 0)

    def forward(self, x):
        assert len(self.config) == 2
        self.change(x)
        return sum((x * self.weight).exp() for _ in range(self.config.get("copies", 1)))

    def change(self, y):
        OrderedDict.__setitem__(self.config, "last", y)
        OrderedDict.__setitem__(SHARED, "last", y)
        SHARED["layers"].append(y)
        self.shared["entries"].append(y)
        for liar in (self.liar, LIAR):
            dict.__setitem__(liar, "calls", dict.__getitem__(liar, "calls") + 1)
            dict.__setitem__(liar, "last", y)
        list.append(self.list, y)


class Switches(Base):
    """Sets what is the process's."""

    def change(self, y):
        torch.set_default_dtype(torch.float64)
        torch.set_default_device("cpu")
        torch.set_grad_enabled(not torch.is_grad_enabled())
        torch.set_float32_matmul_precision("medium")
        torch.use_deterministic_algorithms(True, warn_only=True)
        torch.set_autocast_enabled("cpu", True)
        torch.backends.cudnn.benchmark = True
        torch.backends.cuda.enable_flash_sdp(False)
        torch.backends.mha.set_fastpath_enabled(False)
        warnings.simplefilter("always")
        os.environ["FXFLOPS_SAMPLE"] = "1"
        nn.modules.module.register_module_forward_hook(lambda *call: None)


class Modes(Base):
    """Changes modes, flags, hooks, and itself."""

    def change(self, y):
        self.train(not self.training)
        self.weight.requires_grad_(False)
        self.weight.tag = y
        self.register_forward_hook(lambda *call: None)
        self.register_buffer("made", y.detach())
        self.inner = nn.ReLU()


class Rebuilt(Base):
    """Is another object after a call: another class, other attributes, other methods."""

    def forward(self, x):
        y = (x * self.weight).exp()
        self.__dict__ = {**self.__dict__, "more": y}
        self.__class__ = Other
        Rebuilt.forward = Other.forward
        return y


class Other(Base):
    def forward(self, x):
        return x


class Singleton:
    """There is one, also in a copy."""

    def __init__(self):
        self.kept, self.steps = [], torch.zeros(2)

    def __deepcopy__(self, memo):
        return self


class HoldsASingleton(Base):
    def __init__(self):
        super().__init__()
        self.single = Singleton()

    def change(self, y):
        self.single.kept.append(y)
        self.single.steps.add_(1)


class Hooked(Base):
    """A hook that keeps what it sees in the model that it was installed on."""

    def __init__(self):
        super().__init__()
        self.inner, self.seen = nn.ReLU(), []
        self.inner.register_forward_hook(lambda *call: self.seen.append(call[-1]))

    def change(self, y):
        self.inner(y)


class Parametrized(Base):
    def __init__(self):
        super().__init__()
        self.linear = nn.utils.parametrizations.weight_norm(nn.Linear(4, 4))

    def change(self, y):
        self.linear(y)
        self.linear.parametrizations.weight.last = y


MODELS = (
    *(ClassCache, ClassAttribute, Globals, GlobalsByName, Data, Draws, Reseeds, Remembers),
    *(Functions, Objects, ReadOnly, Switches, Modes, Rebuilt, HoldsASingleton, Hooked),
    Parametrized,
)
