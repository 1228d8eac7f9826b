"""The state that running a model may change, and its restoration.

A model keeps state in its modules and in the objects that these hold, and also in what belongs to
its code: attributes of its classes, module globals that its functions name, their closures and
default arguments. A `Snapshot` walks all of it and keeps what every container and object holds, by
identity. `Snapshot.restore` puts that back with the methods of the builtin types alone, since a
container's own may refuse to be called, or do something else.

PyTorch, NumPy and the standard library are not the model's code: their globals are not looked at.
"""

from __future__ import annotations

import array
import gc
import random
import sys
import threading
from collections import OrderedDict, deque
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import Field
from functools import cached_property, lru_cache, partial, partialmethod
from itertools import islice
from operator import is_
from types import (
    BuiltinFunctionType,
    CellType,
    CodeType,
    FunctionType,
    GenericAlias,
    GetSetDescriptorType,
    MappingProxyType,
    MemberDescriptorType,
    MethodDescriptorType,
    MethodType,
    ModuleType,
    UnionType,
    WrapperDescriptorType,
)
from typing import Any, TypeAlias
from weakref import ReferenceType

import torch
from torch import Tensor, nn

Restore: TypeAlias = Callable[[], None]
Handler: TypeAlias = Callable[[Any], None]
Remembering = type(lru_cache(lambda: None))

MISSING = object()
NO_ENTRIES: dict[Any, Any] = {}
PLAIN = frozenset(
    (bool, int, float, complex, str, bytes, type(None), type(Ellipsis), type(NotImplemented))
) | {
    *(range, slice, torch.Size, torch.dtype, torch.device, torch.layout, BuiltinFunctionType),
    *(GetSetDescriptorType, MemberDescriptorType, WrapperDescriptorType, MethodDescriptorType),
    *(UnionType, GenericAlias, Field),
}
"""Types of values that nothing can change."""

FOREIGN = sys.stdlib_module_names | {"torch", "numpy", "scipy", "sympy", "triton", "fxflops"}
"""Packages whose functions and globals are not the model's."""

INSTALLED = ("site-packages", "dist-packages")
"""Folders of packages that somebody else wrote."""

WHOLE = {"globals", "vars", "eval", "exec"}
"""A function that names one of these may use every global of its module."""

OPAQUE = {
    *("_io", "abc", "ast", "asyncio", "concurrent", "ctypes", "enum", "importlib", "inspect"),
    *("io", "logging", "multiprocessing", "re", "subprocess", "threading", "typing", "sympy"),
    "fxflops",
}
OPAQUE_IN_TORCH = (
    *("torch._", "torch.fx", "torch.jit", "torch.library", "torch.distributed", "torch.cuda"),
)
"""Packages whose objects are not looked into: they lead to all of the process, or to no state."""

LEFT = frozenset(("__annotations__", "__dict__", "__doc__", "__weakref__", "__abstractmethods__"))
"""Attributes of classes that Python itself makes when somebody asks for them."""


class Code:
    """The functions and classes of a model, and the names that they use in their modules.

    It only grows, and is kept between runs: what a name is bound to is looked up in each of them.
    """

    def __init__(self, packages: Collection[str]) -> None:
        self.seen: set[int] = set()
        self._packages = packages
        self._others: dict[str, bool] = {}
        self._used: dict[int, set[str]] = {}
        self.functions: list[FunctionType] = []
        self.classes: list[type] = []
        self.caches: list[Any] = []
        self.whole: dict[int, dict[str, Any]] = {}
        self.names: dict[int, tuple[dict[str, Any], set[str]]] = {}
        self._kept: list[Any] = []  # an id stays taken only as long as its object lives

    def add_function(self, function: FunctionType) -> None:
        """Note its names, unless its module is not the model's."""
        self._keep(function)
        self.functions.append(function)
        namespace = function.__globals__
        if not self.is_models(namespace.get("__name__")):
            return
        names = _names(function.__code__)
        self._use(namespace, names)
        if names & WHOLE:
            self._use(namespace, namespace)
            self.whole[id(namespace)] = namespace
        for name in names:
            found: Any = namespace.get(name)
            if issubclass(type(found), ModuleType):  # a proxy's __class__ may raise
                self._use_module(found, names)

    def add_class(self, cls: type) -> None:
        """Note the class."""
        self._keep(cls)
        self.classes.append(cls)

    def add_cache(self, cache: Any) -> None:
        """Note what a function remembers."""
        self._keep(cache)
        self.caches.append(cache)

    def is_models(self, module: object) -> bool:
        """Whether the module of this name is the model's code.

        Those of other packages that are installed are not, and no more what belongs to PyTorch.
        """
        if _is_foreign(module):
            return False
        assert isinstance(module, str)
        package = module.partition(".")[0]
        if package in self._packages:
            return True
        if package not in self._others:
            file = getattr(sys.modules.get(package), "__file__", None) or ""
            self._others[package] = not any(folder in file for folder in INSTALLED)
        return self._others[package]

    def _use_module(self, module: ModuleType, names: set[str]) -> None:
        """Note names of another module, or in one of PyTorch the layers that are named."""
        namespace = vars(module)
        known = self._used.setdefault(id(namespace), set())
        new = names - known
        if not new:
            return
        known |= new
        is_models = self.is_models(namespace.get("__name__"))
        if is_models:
            self._use(namespace, new)
        for name in new:
            found: Any = namespace.get(name)
            if issubclass(type(found), ModuleType):
                self._use_module(found, names)
            elif not is_models and is_layer(found) and id(found) not in self.seen:
                self.add_class(found)

    def _use(self, namespace: dict[str, Any], names: Iterable[str]) -> None:
        if id(namespace) not in self.names:
            self.names[id(namespace)] = namespace, {"__warningregistry__"}
        self.names[id(namespace)][1].update(names)

    def _keep(self, value: object) -> None:
        self.seen.add(id(value))
        self._kept.append(value)


@lru_cache(maxsize=8)
def _code_of(classes: frozenset[type]) -> Code:
    return Code(_packages(classes))


def _packages(classes: Iterable[type]) -> set[str]:
    return {base.__module__.partition(".")[0] for cls in classes for base in cls.__mro__}


class Snapshot:
    """What ``roots``, and the code of the models among them, hold now.

    Of tensors, which are looked at ``with_tensors`` only, the data are kept, too, where the
    model's code holds them, and in ``roots`` with ``with_data``. On the meta device there are none.
    """

    def __init__(
        self, roots: Iterable[Any], *, with_tensors: bool = True, with_data: bool = True
    ) -> None:
        self._restores: list[Restore] = []
        self._dicts: list[tuple[dict[Any, Any], dict[Any, Any]]] = []
        self._objects: list[tuple[Any, type, dict[str, Any]]] = []
        self._bound: list[tuple[dict[str, Any], dict[str, Any]]] = []
        self._classes: list[tuple[type, dict[str, Any]]] = []
        self._cells: list[tuple[CellType, Any]] = []
        self._functions: list[tuple[FunctionType, tuple[Any, ...]]] = []
        self._tensors: list[tuple[Tensor, Tensor, bool]] = []
        self._alive: list[Any] = []
        self._seen: set[int] = set()
        self._types: set[type] = set()
        self._handlers: dict[type, Handler] = {}
        self._with_tensors, self._with_data = with_tensors, with_data
        self._waiting: list[Any] = list(roots)
        models = [root for root in self._waiting if isinstance(root, nn.Module)]
        classes = frozenset(type(m) for model in models for m in model.modules())
        self._code = _code_of(classes)
        self._functions_to = self._own = Code(
            _packages(classes)
        )  # of objects, which are not to be kept alive
        with torch._C.DisableTorchFunction():  # private: neither modes nor subclasses hear this
            self._walk()
            self._walk_functions()
            self._functions_to, self._with_data = self._code, True
            self._walk_code()
        self._handlers.clear()  # they refer to this object

    @property
    def caches(self) -> Collection[Any]:
        """What functions of the model's code remember: objects of `functools.lru_cache`."""
        return *self._own.caches, *self._code.caches

    def restore(self) -> None:
        """Put everything back. Raises the first error, having restored all the rest."""
        errors: list[Exception] = []
        for restore in self._all():
            try:
                restore()
            except Exception as error:
                errors.append(error)
        if errors:
            raise errors[0]

    def _all(self) -> Iterator[Restore]:
        for value, cls, namespace in self._objects:
            if type(value) is not cls or _namespace(value) is not namespace:
                yield partial(_restore_object, value, cls, namespace)
        for known, entries in self._dicts:
            if len(known) != len(entries) or not (
                all(map(is_, known.values(), entries.values())) and all(map(is_, known, entries))
            ):
                yield partial(_restore_dict, known, entries)
        for namespace, names in self._bound:
            yield partial(_restore_names, namespace, names)
        for cls, attributes in self._classes:
            now = vars(cls)
            if len(now) != len(attributes) or not all(map(is_, now.values(), attributes.values())):
                yield partial(_restore_class, cls, attributes)
        for cell, content in self._cells:
            if _content(cell) is not content:
                yield partial(_restore_cell, cell, content)
        for function, parts in self._functions:
            if not all(map(is_, _parts(function), parts)):
                yield partial(_restore_function, function, parts)
        for tensor, before, requires_grad in self._tensors:
            if (
                tensor.dtype is not before.dtype
                or tensor.device != before.device
                or tensor.requires_grad is not requires_grad
                or tensor.shape != before.shape
            ):
                yield partial(_restore_tensor, tensor, before, requires_grad)
        yield from self._restores

    def _walk(self) -> None:
        waiting, seen, handlers, code = self._waiting, self._seen, self._handlers, self._code.seen
        while waiting:
            value = waiting.pop()
            kind = type(value)
            if kind in PLAIN or id(value) in seen or id(value) in code:
                continue
            if kind is OrderedDict and not value:  # as those of a module's hooks mostly are
                self._dicts.append((value, NO_ENTRIES))
                continue
            handler = handlers.get(kind)
            if handler is None:
                handler = handlers[kind] = self._handler(kind)
            if handler is not _nothing:
                seen.add(id(value))
                self._alive.append(value)
                handler(value)

    def _walk_functions(self) -> None:
        """Look at the functions that objects hold, as long as that finds more of them."""
        for function in self._own.functions:  # which grows
            self._look_at_function(function)
            self._walk()

    def _walk_code(self) -> None:
        """Look at the code that the walk has found, as long as that finds more code."""
        code = self._code
        functions = classes = caches = 0
        looked_at: dict[int, set[str]] = {}
        for namespace in (self._own.whole | code.whole).values():
            self._code._use(namespace, namespace)
        more = True
        while more:
            for function in islice(code.functions, functions, None):
                self._look_at_function(function)
            for cls in islice(code.classes, classes, None):
                self._look_at_class(cls)
            for cache in islice(code.caches, caches, None):
                self._waiting += results(cache)
            functions, classes = len(code.functions), len(code.classes)
            caches = len(code.caches)
            for key, (namespace, names) in (*self._own.names.items(), *code.names.items()):
                known = looked_at.setdefault(key, set())
                if new := names - known:
                    known |= new
                    bound = {name: namespace.get(name, MISSING) for name in new}
                    self._bound.append((namespace, bound))
                    self._waiting += bound.values()
            more = bool(self._waiting)
            self._walk()
        for namespace in (self._own.whole | code.whole).values():
            self._restores.append(partial(_remove_new, namespace, set(namespace)))

    def _look_at_function(self, function: FunctionType) -> None:
        self._functions.append((function, _parts(function)))
        self._dict(vars(function))
        self._waiting += function.__defaults__ or ()
        if function.__kwdefaults__:
            self._dict(function.__kwdefaults__)
        for cell in function.__closure__ or ():
            if id(cell) not in self._seen:
                self._seen.add(id(cell))
                content = _content(cell)
                self._cells.append((cell, content))
                self._waiting.append(content)

    def _look_at_class(self, cls: type) -> None:
        attributes = dict(vars(cls))
        self._classes.append((cls, attributes))
        if not self._code.is_models(cls.__module__):
            return
        self._waiting += [v for v in attributes.values() if id(v) not in self._code.seen]

    def _type(self, cls: type) -> None:
        """Note the classes that an object's attributes and methods come from."""
        for base in cls.__mro__:
            if base not in self._types:
                self._types.add(base)
                is_models = self._code.is_models(base.__module__) or is_layer(base)
                if is_models and id(base) not in self._code.seen:
                    self._code.add_class(base)

    def _handler(self, kind: type) -> Handler:
        for base, handler in self._known_kinds():
            if issubclass(kind, base):
                self._type(kind)
                return handler
        if issubclass(kind, type):
            return self._class
        module = kind.__module__ if isinstance(kind.__module__, str) else ""
        numpy = sys.modules.get("numpy")
        if numpy is not None and issubclass(kind, numpy.ndarray):
            return self._numpy_array
        if numpy is not None and issubclass(kind, numpy.random.Generator):
            return self._numpy_generator
        if numpy is not None and issubclass(kind, numpy.random.RandomState):
            return self._numpy_random_state
        if module.partition(".")[0] in OPAQUE or module.startswith(OPAQUE_IN_TORCH):
            return _nothing
        if not kind.__flags__ & HEAP_TYPE and not hasattr(kind, "__dict__"):
            return _nothing
        self._type(kind)
        return self._object

    def _known_kinds(self) -> tuple[tuple[type, Handler], ...]:
        return (
            (nn.Module, self._object),
            (OrderedDict, self._ordered_dict),
            (dict, self._dict_with_attributes),
            (list, partial(self._sequence, list, list.extend)),
            (deque, partial(self._sequence, deque, deque.extend)),
            (set, partial(self._sequence, set, set.update)),
            (tuple, self._elements),
            (frozenset, self._elements),
            (bytearray, self._bytes),
            (array.array, self._bytes),
            (Tensor, self._tensor),
            (FunctionType, self._function),
            (MethodType, self._method),
            (partial, self._partial),
            (partialmethod, self._partial),
            (property, self._property),
            (staticmethod, self._wrapped),
            (classmethod, self._wrapped),
            (cached_property, self._cached_property),
            (Remembering, self._cache),
            (MappingProxyType, self._proxy),
            (ReferenceType, _nothing),
            (ModuleType, _nothing),
            (threading.local, self._local),
            (random.Random, self._random),
            (torch.Generator, self._generator),
        )

    def _dict(self, value: dict[Any, Any]) -> None:
        """A dict whose methods are those of dict."""
        entries = value.copy()
        self._dicts.append((value, entries))
        if entries:
            self._waiting += entries.values()
            for key in entries:
                if type(key) is not str:
                    self._key(key)

    def _key(self, key: Any) -> None:
        if isinstance(key, ReferenceType):
            self._alive.append(key())
        elif type(key) not in PLAIN:
            self._waiting.append(key)

    def _dict_with_attributes(self, value: dict[Any, Any]) -> None:
        if type(value) is dict:
            self._dict(value)
            return
        self._mapping(value, dict)

    def _ordered_dict(self, value: OrderedDict[Any, Any]) -> None:
        self._mapping(value, OrderedDict)

    def _mapping(self, value: Any, base: Any) -> None:
        keys, values = tuple(base.keys(value)), tuple(base.values(value))
        self._restores.append(partial(_restore_mapping, base, value, keys, values))
        self._waiting += values
        for key in keys:
            self._key(key)
        for held in values:
            if isinstance(held, ReferenceType):
                self._alive.append(held())
        self._attributes(value)

    def _sequence(self, base: Any, extend: Any, value: Any) -> None:
        items = tuple(base.__iter__(value))
        self._restores.append(partial(_restore_sequence, base, extend, value, items))
        self._waiting += items
        for item in items:
            if isinstance(item, ReferenceType):
                self._alive.append(item())
        if type(value) is not base:
            self._attributes(value)

    def _elements(self, value: Any) -> None:
        base = tuple if isinstance(value, tuple) else frozenset
        self._waiting += base.__iter__(value)
        if type(value) is not base:
            self._attributes(value)

    def _bytes(self, value: Any) -> None:
        before = value[:]
        self._restores.append(partial(_restore_bytes, value, before))

    def _object(self, value: Any) -> None:
        self._attributes(value)

    def _attributes(self, value: Any) -> None:
        """What is in an object's ``__dict__`` and slots, whatever its class does with names."""
        namespace = _namespace(value)
        if type(namespace) is dict:
            self._objects.append((value, type(value), namespace))
            self._dict(namespace)
        for slot in _slots(type(value)):
            held = _held(slot, value)
            self._restores.append(partial(_restore_slot, slot, value, held))
            self._waiting.append(held)

    def _tensor(self, value: Tensor) -> None:
        if not self._with_tensors:
            return
        attributes = value.__dict__
        if attributes:
            self._dict(attributes)
        else:
            self._dicts.append((attributes, {}))
        if type(value) not in (Tensor, nn.Parameter) or _is_special(value):
            return
        self._tensors.append((value, value.detach(), value.requires_grad))
        # A parameter's data, of which there may be much, is what an optimizer changes.
        if self._with_data and not value.is_meta and type(value) is Tensor:
            with torch.no_grad():
                before = value.detach().clone()
            self._restores.append(partial(_restore_data, value, before))

    def _function(self, value: FunctionType) -> None:
        self._functions_to.add_function(value)

    def _class(self, value: type) -> None:
        if self._code.is_models(value.__module__) or is_layer(value):
            self._type(value)

    def _method(self, value: MethodType) -> None:
        self._waiting += (value.__self__, value.__func__)

    def _partial(self, value: Any) -> None:
        self._waiting += (value.func, value.args, value.keywords)

    def _property(self, value: property) -> None:
        self._waiting += (value.fget, value.fset, value.fdel)

    def _wrapped(self, value: Any) -> None:
        self._waiting.append(value.__func__)

    def _cached_property(self, value: Any) -> None:
        self._waiting.append(value.func)

    def _cache(self, value: Any) -> None:
        self._functions_to.add_cache(value)
        self._waiting += (value.__wrapped__, *results(value))

    def _proxy(self, value: Any) -> None:
        self._waiting += gc.get_referents(value)

    def _local(self, value: threading.local) -> None:
        self._dict(value.__dict__)  # this thread's

    def _random(self, value: random.Random) -> None:
        if type(value) is not random.SystemRandom:
            self._restores.append(partial(random.Random.setstate, value, value.getstate()))

    def _generator(self, value: torch.Generator) -> None:
        set_state: Restore = partial(value.set_state, value.get_state())  # type: ignore[assignment]
        self._restores.append(set_state)

    def _numpy_array(self, value: Any) -> None:
        if value.dtype.hasobject:
            self._waiting += value.ravel().tolist()
        if value.flags.writeable:
            self._restores.append(partial(_restore_array, value, value.copy()))

    def _numpy_generator(self, value: Any) -> None:
        self._restores.append(
            partial(setattr, value.bit_generator, "state", value.bit_generator.state)
        )

    def _numpy_random_state(self, value: Any) -> None:
        self._restores.append(partial(value.set_state, value.get_state()))


HEAP_TYPE = 1 << 9
"""Of ``type.__flags__``: the class was made by a ``class`` statement."""


def _nothing(value: object) -> None:
    """What holds no state, or not the model's."""


def _is_foreign(module: object) -> bool:
    return not isinstance(module, str) or module.partition(".")[0] in FOREIGN


def is_layer(value: object) -> bool:
    """Whether it is a class of modules, PyTorch's own included."""
    return issubclass(type(value), type) and issubclass(value, nn.Module)  # type: ignore[arg-type]


def _is_special(value: Tensor) -> bool:
    """Whether it has no storage of its own to point to, or sizes that are symbols of a run."""
    if value.layout is not torch.strided or value.is_quantized:
        return True
    return any(isinstance(size, torch.SymInt) for size in value.shape)


def _names(code: CodeType) -> set[str]:
    """The names of globals and attributes in a function and in those defined inside it."""
    names = set(code.co_names)
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            names |= _names(constant)
    return names


def _namespace(value: object) -> object:
    try:
        return object.__getattribute__(value, "__dict__")
    except AttributeError:
        return None


def _slots(cls: type) -> tuple[MemberDescriptorType, ...]:
    return tuple(
        value
        for base in cls.__mro__
        if "__slots__" in vars(base)
        for value in vars(base).values()
        if type(value) is MemberDescriptorType
    )


def _held(slot: MemberDescriptorType, value: object) -> object:
    try:
        return slot.__get__(value)
    except AttributeError:
        return MISSING


def _content(cell: CellType) -> object:
    try:
        return cell.cell_contents
    except ValueError:  # it is empty: the function has not been defined to its end
        return MISSING


def _parts(function: FunctionType) -> tuple[Any, ...]:
    return function.__code__, function.__defaults__, function.__kwdefaults__


def results(cache: Any) -> list[Any]:
    """What a cache has for its keys; the rest of what it refers to is its own."""
    found = []
    for referent in gc.get_referents(cache):
        if type(referent) is dict and referent is not cache.__dict__:
            for held in referent.values():
                is_link = type(held).__name__ == "_lru_list_elem"
                found += gc.get_referents(held) if is_link else [held]
    return [value for value in found if type(value).__name__ != "_lru_list_elem"]


def _restore_object(value: Any, cls: type, namespace: dict[str, Any]) -> None:
    if type(value) is not cls:
        object.__setattr__(value, "__class__", cls)
    object.__setattr__(value, "__dict__", namespace)


def _restore_dict(value: dict[Any, Any], entries: dict[Any, Any]) -> None:
    if isinstance(value, OrderedDict):
        _restore_mapping(OrderedDict, value, tuple(entries), tuple(entries.values()))
        return
    value.clear()
    value.update(entries)


def _restore_mapping(base: Any, value: Any, keys: tuple[Any, ...], values: tuple[Any, ...]) -> None:
    if (
        dict.__len__(value) == len(keys)
        and all(map(is_, base.values(value), values))
        and all(map(is_, base.keys(value), keys))
    ):
        return
    base.clear(value)
    for key, held in zip(keys, values, strict=True):
        if not isinstance(key, ReferenceType) or key() is not None:
            base.__setitem__(value, key, held)


def _restore_sequence(base: Any, extend: Any, value: Any, items: tuple[Any, ...]) -> None:
    if base.__len__(value) != len(items) or not all(map(is_, base.__iter__(value), items)):
        base.clear(value)
        extend(value, items)


def _restore_bytes(value: Any, before: Any) -> None:
    if value != before:
        value[:] = before


def _restore_names(namespace: dict[str, Any], names: dict[str, Any]) -> None:
    for name, held in names.items():
        now = namespace.get(name, MISSING)
        if now is held:
            continue
        if held is not MISSING:
            namespace[name] = held
        elif not isinstance(now, ModuleType):  # a submodule is imported once
            del namespace[name]


def _remove_new(namespace: dict[str, Any], names: set[str]) -> None:
    new = {name: MISSING for name in namespace if name not in names}
    _restore_names(namespace, new)


def _restore_class(cls: type, attributes: dict[str, Any]) -> None:
    now = dict(vars(cls))
    for name in (now.keys() | attributes.keys()) - LEFT:
        held = attributes.get(name, MISSING)
        if now.get(name, MISSING) is held:
            continue
        if held is MISSING:
            type.__delattr__(cls, name)
        else:
            type.__setattr__(cls, name, held)


def _restore_cell(cell: CellType, content: object) -> None:
    if content is MISSING:
        del cell.cell_contents
    else:
        cell.cell_contents = content


def _restore_function(function: FunctionType, parts: tuple[Any, ...]) -> None:
    function.__code__, function.__defaults__, function.__kwdefaults__ = parts


def _restore_slot(slot: MemberDescriptorType, value: object, held: object) -> None:
    now = _held(slot, value)
    if now is held:
        return
    if held is MISSING:
        slot.__delete__(value)
    else:
        slot.__set__(value, held)


def _restore_tensor(tensor: Tensor, before: Tensor, requires_grad: bool) -> None:
    with torch.no_grad():
        tensor.data = before
    if tensor.requires_grad is not requires_grad:
        tensor.requires_grad_(requires_grad)


def _restore_data(tensor: Tensor, before: Tensor) -> None:
    with torch.no_grad():
        if not torch.equal(_bytes(tensor), _bytes(before)):
            tensor.copy_(before)


def _bytes(tensor: Tensor) -> Tensor:
    return tensor.detach().contiguous().reshape(-1).view(torch.uint8)


def _restore_array(value: Any, before: Any) -> None:
    import numpy

    same = numpy.array_equal if value.dtype.hasobject else _same_bytes
    if not same(value, before):
        numpy.copyto(value, before)


def _same_bytes(one: Any, other: Any) -> bool:
    return bool(one.tobytes() == other.tobytes())
