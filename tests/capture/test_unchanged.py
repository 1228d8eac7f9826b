"""A model, what is given with it, and the process are the same after an analysis as before."""

import dataclasses
import functools
import gc
import os
import queue
import random
import sys
import threading
import time
import types
import warnings
import weakref
from collections import OrderedDict, deque

import numpy as np
import pytest
import torch
import torch.nn.modules.module as module_hooks
from torch import nn
from torch.overrides import _get_current_function_mode_stack
from torch.utils._pytree import tree_leaves

import fxflops
from fxflops.capture import trace
from fxflops.capture.patches import module_state as memory
from fxflops.capture.patches import threads
from fxflops.capture.prepare import on_meta
from fxflops.crosscheck.run import check
from fxflops.errors import CaptureError, SpecError
from fxflops.spec import parse
from tests.capture import misbehaving
from tests.capture.misbehaving import MODELS


def portrait(value, seen=None):
    """All that a value holds, with the identity of each object in it."""
    seen = {} if seen is None else seen
    if isinstance(value, (bool, int, float, str, bytes, type(None))):
        return value
    if id(value) in seen:
        return id(value)
    seen[id(value)] = value

    def of(part):
        return portrait(part, seen)

    found = [id(value), type(value).__qualname__, id(type(value))]
    if isinstance(value, torch.Tensor):
        found += [value.dtype, value.shape, value.device, value.requires_grad]
        found += [value.detach().numpy().tobytes()]
    elif isinstance(value, np.ndarray):
        found += [value.tobytes()]
    elif isinstance(value, OrderedDict):
        found += [(of(k), of(v)) for k, v in OrderedDict.items(value)]
    elif isinstance(value, dict):
        found += [(of(k), of(v)) for k, v in dict.items(value)]
    elif isinstance(value, (list, tuple, deque)):
        base = next(b for b in (list, tuple, deque) if isinstance(value, b))
        found += map(of, base.__iter__(value))
    elif isinstance(value, (set, frozenset)):
        found += [sorted(map(id, value))]
    elif isinstance(value, (bytearray, memoryview)) or type(value).__name__ == "array":
        found += [bytes(value)]
    elif isinstance(value, random.Random):
        found += [value.getstate()]
    elif isinstance(value, np.random.Generator):
        found += [str(value.bit_generator.state)]
    elif isinstance(value, types.MappingProxyType):
        found += [(k, of(v)) for k, v in value.items()]
    elif isinstance(value, type):
        if value.__module__ == misbehaving.__name__ or issubclass(value, nn.Module):
            found += [
                (name, of(held))
                for name, held in sorted(vars(value).items())
                if name not in ("__annotations__", "__doc__", "__weakref__", "__dict__")
            ]
        return found
    elif isinstance(value, types.FunctionType):
        found += [id(value.__code__), of(value.__defaults__), of(value.__kwdefaults__)]
        found += [of(c.cell_contents) for c in value.__closure__ or ()]
    elif isinstance(value, functools.partial):
        found += [of(value.func), of(value.args), of(value.keywords)]
    elif isinstance(value, (types.ModuleType, weakref.ref)):
        return found
    elif hasattr(value, "cache_info"):
        return [*found, [of(held) for held in gc.get_referents(value) if isinstance(held, dict)]]
    if not isinstance(value, (type, types.BuiltinFunctionType)):
        attributes = getattr(value, "__dict__", None) or {}
        found += [(name, of(held)) for name, held in attributes.items()]
        found += [of(type(value))]
    for base in type(value).__mro__:
        for name in vars(base).get("__slots__", ()):
            if type(vars(base).get(name)) is types.MemberDescriptorType:
                found += [(name, of(getattr(value, name, "missing")))]
    return found


def process():
    """The settings, and the states of generators of random numbers."""
    return [
        torch.get_rng_state().tolist(),
        random.getstate(),
        str(np.random.get_state()),
        torch.get_default_dtype(),
        torch.get_default_device(),
        torch.is_grad_enabled(),
        torch.is_inference_mode_enabled(),
        torch.get_float32_matmul_precision(),
        torch.are_deterministic_algorithms_enabled(),
        torch.is_autocast_enabled("cpu"),
        torch.backends.cudnn.benchmark,
        torch.backends.cuda.flash_sdp_enabled(),
        torch.backends.mha.get_fastpath_enabled(),
        torch.compiler.is_compiling(),
        torch.compiler.is_exporting(),
        torch.compiler.is_compiling.__code__,
        torch._check_tensor_all_with,
        torch._check_tensor_all_with.__code__,
        torch._check_tensor_all_with.__kwdefaults__,
        list(map(id, _get_current_function_mode_stack())),
        [dict(v) for k, v in vars(module_hooks).items() if k.startswith("_global_") and v],
        [id(warnings.filters), *map(str, warnings.filters), warnings.showwarning],
        dict(os.environ),
        sys.stderr,
        sys.stdout,
        misbehaving.CONTEXT.get(),
        torch.get_num_threads(),
    ]


def everything(model, *given):
    namespace = {k: v for k, v in vars(misbehaving).items() if k != "__builtins__"}
    seen = {}
    return [
        portrait(model, seen),
        [portrait(argument, seen) for argument in given],
        [(name, portrait(held, seen)) for name, held in namespace.items()],
        portrait(nn.Linear, seen),
        portrait(vars(misbehaving.LOCAL), seen),
        process(),
    ]


class Ends(nn.Module):
    """A model, and then an error."""

    def __init__(self, model, error):
        super().__init__()
        self.model, self.error = model, error

    def forward(self, *words, **named):
        self.model(*words, **named)
        raise self.error


class Stop(BaseException):
    pass


ENDS = (RuntimeError("no"), KeyboardInterrupt(), Stop(), SystemExit(3))


def torchvision_model(name):
    return lambda: __import__("torchvision").models.get_model(name)


def timm_model(name):
    return lambda: pytest.importorskip("timm", reason="a model of timm").create_model(name)


def transformers_model(kind, name, **config):
    def build():
        transformers = pytest.importorskip("transformers")
        configuration = getattr(transformers, kind)(**config)
        configuration.use_cache = False
        return getattr(transformers, name)(configuration)

    return build


TINY = {
    "hidden_size": 8,
    "intermediate_size": 12,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "vocab_size": 17,
    "max_position_embeddings": 64,
}
LIBRARY = {
    "resnet18": (torchvision_model("resnet18"), "x: 1 3 64 64"),
    "googlenet": (torchvision_model("googlenet"), "x: 1 3 64 64"),
    "swin_t": (torchvision_model("swin_t"), "x: 1 3 64 64"),
    "shufflenet": (torchvision_model("shufflenet_v2_x0_5"), "x: 1 3 64 64"),
    "mobilenet": (timm_model("mobilenetv3_small_050"), "x: 1 3 64 64"),
    "vit": (timm_model("vit_tiny_patch16_224"), "x: 1 3 224 224"),
    "resnetv2": (timm_model("resnetv2_50"), "x: 1 3 64 64"),
    "bert": (transformers_model("BertConfig", "BertModel", **TINY), "x: 1 9 int64"),
    "llama": (transformers_model("LlamaConfig", "LlamaModel", **TINY), "x: 1 9 int64"),
    "gpt2": (
        transformers_model("GPT2Config", "GPT2Model", n_embd=8, n_layer=2, n_head=2, vocab_size=17),
        "x: 1 9 int64",
    ),
    "t5": (
        transformers_model(
            "T5Config", "T5EncoderModel", d_model=8, d_ff=12, num_layers=2, num_heads=2, d_kv=4
        ),
        "x: 1 9 int64",
    ),
    "mamba": (
        transformers_model(
            "MambaConfig", "MambaModel", hidden_size=8, num_hidden_layers=2, vocab_size=17
        ),
        "x: 1 9 int64",
    ),
    "lstm": (lambda: nn.LSTM(4, 5), "x: 3 2 4"),
}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("kind", MODELS)
@pytest.mark.parametrize("way", ["trace", "export", "train"])
def test_what_misbehaves_leaves_nothing_behind(kind, way):
    model, x = kind(), torch.randn(2, 4)
    before = everything(model, x)
    options = {"train": True} if way == "train" else {"frontend": way}
    try:
        analysis = fxflops.analyze(model, "x: N 4", **options)
        again = fxflops.analyze(model, "x: N 4", **options)
        assert again.total == analysis.total
    except CaptureError:
        assert (way, kind) in REFUSED
    assert everything(model, x) == before


REFUSED = {
    ("train", misbehaving.Switches),  # it turns gradients off
    ("train", misbehaving.Modes),  # its only parameter is no longer trained
}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("kind", MODELS)
@pytest.mark.parametrize("end", ENDS, ids=lambda end: type(end).__name__)
def test_a_call_that_ends_midway_leaves_nothing_behind(kind, end):
    model = Ends(kind(), end)
    x = torch.randn(2, 4)
    for options in ({"inputs": "x: N 4"}, {"args": [x]}, {"inputs": "x: N 4", "train": True}):
        before = everything(model, x)
        with pytest.raises(CaptureError if isinstance(end, Exception) else type(end)):
            fxflops.analyze(model, frontend="trace", **options)
        assert everything(model, x) == before


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("end", [KeyboardInterrupt(), Stop()], ids=lambda end: type(end).__name__)
def test_an_export_that_is_interrupted_leaves_nothing_behind(end):
    for kind in (misbehaving.Globals, misbehaving.ClassAttribute, misbehaving.Switches):
        model = Ends(kind(), end)
        before = everything(model)
        with pytest.raises(type(end)):
            fxflops.analyze(model, "x: N 4", frontend="export")
        assert everything(model) == before


@pytest.mark.parametrize("kind", MODELS)
def test_a_spec_that_does_not_fit_leaves_nothing_behind(kind):
    model = kind()
    before = everything(model)
    with pytest.raises(CaptureError):
        fxflops.analyze(model, "x: N 7", frontend="trace")
    assert everything(model) == before


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    "kind",
    [misbehaving.ClassCache, misbehaving.ClassAttribute, misbehaving.Globals, misbehaving.Data],
)
def test_a_check_leaves_nothing_behind(kind):
    model = kind()
    before = everything(model)
    assert check(model, "x: N 4", sizes={"N": 3}, repetitions=1).passed
    assert everything(model) == before


@pytest.mark.parametrize("kind", MODELS)
def test_a_model_runs_afterwards_as_before(kind):
    torch.manual_seed(5)
    model = kind().eval()
    twin, x = kind().eval(), torch.randn(3, 4)
    twin.load_state_dict(model.state_dict())
    fxflops.analyze(model, "x: N 4", frontend="trace")
    with memory.restored_module_state(twin):
        expected = twin(x).detach().clone()
    with memory.restored_module_state(model):
        assert torch.equal(model(x), expected)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", LIBRARY)
def test_models_of_libraries_are_unchanged(name):
    build, spec = LIBRARY[name]
    model = build().eval()
    x = parse(spec).tensors[0]
    data = torch.randn(x.axes) if x.dtype is None else torch.zeros(x.axes, dtype=torch.int64)
    with torch.no_grad():
        expected = tree_leaves(model(data))
    for candidate in (model, Ends(model, KeyboardInterrupt())):
        before = everything(candidate, data)
        try:
            fxflops.analyze(candidate, spec, frontend="trace")
        except KeyboardInterrupt:
            assert candidate is not model
        assert everything(candidate, data) == before
    with torch.no_grad():
        torch.testing.assert_close(tree_leaves(model(data)), expected, rtol=0, atol=0)


def test_a_frozen_dict_is_not_emptied():
    """As of a configuration of diffusers, an empty one would count a third, without a note."""
    model = misbehaving.ReadOnly(copies=3)
    analysis = fxflops.analyze(model, "x: N 4", frontend="trace")
    assert analysis.at(N=5).transcendental == 3 * 5 * 4
    assert list(OrderedDict.items(model.config)) == [("copies", 3), ("names", ["a"])]


def test_each_attempt_starts_from_the_same_state():
    tried = []

    class Once(nn.Module):
        config, tries = misbehaving.FrozenDict(copies=3), tried

        def forward(self, x):
            OrderedDict.clear(self.config) if self.tries else None
            self.tries.append(x)
            if not torch.compiler.is_compiling():
                OrderedDict.clear(self.config)
                raise RuntimeError("not so")
            return sum(x.exp() for _ in range(self.config.get("copies", 1)))

    analysis = fxflops.analyze(Once(), "x: N 4", frontend="trace")
    assert analysis.at(N=5).transcendental == 3 * 5 * 4
    assert dict(Once.config) == {"copies": 3}


class Cached(nn.Module):
    """Attention over what a cache has, and what is new."""

    def forward(self, x, past, more=None):
        past.keys = torch.cat([past.keys, x], 1)
        past.calls += 1
        if more:
            more["seen"].append(x)
        return torch.softmax(x @ past.keys.mT, -1)


@dataclasses.dataclass
class Past:
    keys: torch.Tensor
    calls: int = 0


class SlotsPast:
    __slots__ = ("calls", "keys")

    def __init__(self, keys, calls=0):
        self.keys, self.calls = keys, calls


@pytest.mark.parametrize(
    "kind", [Past, SlotsPast, lambda k: types.SimpleNamespace(keys=k, calls=0)]
)
def test_arguments_are_copied(kind):
    past, more = kind(torch.randn(1, 37, 8)), {"seen": [torch.zeros(1)]}
    x = torch.randn(1, 1, 8)
    model = Cached()
    before = everything(model, x, past, more)
    kwargs = {"past": past, "more": more}
    analysis = fxflops.analyze(model, args=[x], kwargs=kwargs)
    assert analysis.total.contraction == 2 * 38 * 8
    assert everything(model, x, past, more) == before
    assert fxflops.analyze(model, args=[x], kwargs=kwargs).total == analysis.total
    with pytest.raises(CaptureError):
        fxflops.analyze(Ends(model, RuntimeError("no")), args=[x], kwargs=kwargs)
    assert everything(model, x, past, more) == before


def test_a_tensor_that_is_given_twice_is_one():
    class Same(nn.Module):
        def forward(self, x, y):
            return x.exp() if x is y else (x + y).exp()

    x = torch.zeros(2, 3)
    assert fxflops.analyze(Same(), args=[x, x]).total.elementwise == 0
    assert fxflops.analyze(Same(), args=[x, x.clone()]).total.elementwise == 6


@pytest.mark.filterwarnings("ignore:.past_key_values. is deprecated:FutureWarning")
@pytest.mark.parametrize("static", [False, True])
def test_a_cache_of_transformers_is_unchanged(static):
    transformers = pytest.importorskip("transformers")
    config = transformers.LlamaConfig(**TINY)
    model = transformers.LlamaForCausalLM(config).eval()
    cache = transformers.DynamicCache(config=config)
    if static:
        cache = transformers.StaticCache(config=config, max_cache_len=64)
    model(input_ids=torch.zeros(1, 37, dtype=torch.int64), past_key_values=cache)
    assert cache.get_seq_length() == 37
    one = torch.zeros(1, 1, dtype=torch.int64)
    kwargs = {"input_ids": one, "past_key_values": cache}
    held = [tensor for layer in cache.layers for tensor in (layer.keys, layer.values)]
    contents = [tensor.detach().clone() for tensor in held]
    totals = [fxflops.analyze(model, kwargs=kwargs, frontend="trace").total for _ in range(2)]
    assert totals[0] == totals[1]
    assert cache.get_seq_length() == 37
    now = [tensor for layer in cache.layers for tensor in (layer.keys, layer.values)]
    assert all(a is b for a, b in zip(held, now, strict=True))
    assert all(map(torch.equal, now, contents))
    positions = 64 if static else 38
    per_layer = 2 * (4 * 8 * 8 + 3 * 8 * 12) + 2 * 2 * positions * 8
    assert totals[0].contraction == 2 * per_layer + 2 * 8 * 17


@pytest.mark.filterwarnings("ignore:.past_key_values. is deprecated:FutureWarning")
def test_an_encoder_decoder_cache_is_unchanged():
    transformers = pytest.importorskip("transformers")
    config = transformers.T5Config(
        d_model=8, d_ff=12, num_layers=2, num_heads=2, d_kv=4, vocab_size=17
    )
    model = transformers.T5ForConditionalGeneration(config).eval()
    ids = torch.zeros(1, 5, dtype=torch.int64)
    first = model(input_ids=ids, decoder_input_ids=ids[:, :3], use_cache=True)
    cache = first.past_key_values
    encoded = transformers.modeling_outputs.BaseModelOutput(first.encoder_last_hidden_state)
    kwargs = {
        "encoder_outputs": encoded,
        "decoder_input_ids": ids[:, :1],
        "past_key_values": cache,
    }
    totals = [fxflops.analyze(model, kwargs=kwargs, frontend="trace").total for _ in range(2)]
    assert totals[0] == totals[1]
    assert cache.get_seq_length() == 3
    assert encoded.last_hidden_state.device.type == "cpu"


def test_what_cannot_be_copied_is_refused():
    with pytest.raises(SpecError, match="Cannot copy the arguments of the call, which"):
        fxflops.analyze(Cached(), args=[torch.zeros(1), threading.Lock()])

    class Shares(nn.Module):
        def __deepcopy__(self, memo):
            return self

    model = nn.Sequential(Shares(), nn.Linear(3, 5))
    with pytest.raises(CaptureError, match="the module 0 is in the copy, too"):
        fxflops.analyze(model, "x: N 3")
    assert model[1].weight.device.type == "cpu"


def test_tensors_in_objects_are_copied_without_their_data():
    class Holds(nn.Module):
        def __init__(self):
            super().__init__()
            self.linear = nn.Linear(4, 4)
            self.generator = torch.Generator()
            self.object = types.SimpleNamespace(
                weight=nn.Parameter(torch.ones(4, 4)),
                plain=[torch.ones(4, 4)],
                derived=self.linear.weight * 2,
            )

        def forward(self, x):
            held = self.object
            return self.linear(x) @ held.weight @ held.plain[0] @ held.derived

    model = Holds()
    before = everything(model.linear, model.object.weight, model.object.plain)
    assert fxflops.analyze(model, "x: N 4").at(N=3).contraction == 4 * 2 * 3 * 4 * 4
    held = on_meta(model).object
    assert {held.weight.device.type, held.plain[0].device.type} == {"meta"}
    assert everything(model.linear, model.object.weight, model.object.plain) == before


@pytest.mark.filterwarnings("ignore:.torch.jit.script. is deprecated")
def test_a_module_of_torchscript_is_refused():
    with pytest.raises(fxflops.ModelError, match="compiled by TorchScript"):
        fxflops.analyze(torch.jit.script(nn.Linear(3, 5)), "x: N 3")


@pytest.mark.parametrize("mode", ["eager", "compiled", "exported"])
def test_other_threads_see_nothing_of_a_capture(mode):
    running, looked = threading.Event(), threading.Event()

    def look(found):
        found["compiling"] = torch.compiler.is_compiling()
        found["exporting"] = torch.compiler.is_exporting()
        try:
            torch._check_tensor_all(torch.tensor([True, False]))
        except RuntimeError:
            found["raised"] = True
        found["device"] = torch.zeros(1).device.type
        found["grad"] = torch.is_grad_enabled()

    class Waits(nn.Module):
        def forward(self, x):
            look(inside := {})
            NOTED.put(inside)
            running.set()
            looked.wait(20)
            return x.exp()

    def other():
        assert running.wait(20)
        look(result)
        looked.set()

    result = {}
    thread = threading.Thread(target=other)
    thread.start()
    trace.capture(on_meta(Waits()), parse("x: N 3"), {"N": 2}, mode=mode)
    thread.join()
    assert result == OUTSIDE
    said = NOTED.get_nowait()
    assert said["compiling"] == (mode != "eager")
    assert said["exporting"] == (mode == "exported")
    assert "raised" not in said


OUTSIDE = {
    "compiling": False,
    "exporting": False,
    "raised": True,
    "device": "cpu",
    "grad": True,
}
NOTED = queue.SimpleQueue()  # a list would be restored


def test_a_replaced_function_is_itself_in_other_threads():
    def double(value, *, plus=0):
        return 2 * value + plus

    results = []
    other = threading.Thread(target=lambda: results.append((double(3), double(3, plus=1))))
    with threads.replaced_here(double, lambda value, plus=0: -value):
        assert double(3) == -3
        other.start()
        other.join()
    assert results == [(6, 7)]
    assert double(3, plus=2) == 8


def test_other_threads_warn_while_this_one_is_silent(capsys):
    def warn():
        warnings.warn("from there", UserWarning, stacklevel=1)
        print("written there", file=sys.stderr)

    before = sys.stderr
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        with threads.silent_here():
            warnings.warn("from here", UserWarning, stacklevel=1)
            print("written here", file=sys.stderr)
            thread = threading.Thread(target=warn)
            thread.start()
            thread.join()
    assert [str(warning.message) for warning in caught] == ["from there"]
    assert capsys.readouterr().err == "written there\n"
    assert sys.stderr is before


def test_analyses_in_threads_leave_class_attributes_alone():
    class Slow(misbehaving.ClassAttribute):
        def change(self, y):
            super().change(y)
            time.sleep(0.01)

    errors = []

    def analyze():
        try:
            fxflops.analyze(Slow(), "x: N 4", frontend="trace")
        except Exception as error:
            errors.append(error)

    all_threads = [threading.Thread(target=analyze) for _ in range(4)]
    for thread in all_threads:
        thread.start()
    for thread in all_threads:
        thread.join()
    assert errors == []
    assert (Slow.last, Slow.calls) == (None, 0)
    assert "new" not in vars(Slow)
