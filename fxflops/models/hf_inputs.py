"""The inputs that an architecture of transformers asks for.

Which ones: those that ``forward`` cannot do without, the main one of the class and of each of its
modalities, and what belongs to them. How they are shaped: as the documentation of ``forward`` says,
``input_ids (`torch.LongTensor` of shape `(batch_size, sequence_length)`)``, with the numbers of the
configuration and its parts, and the sizes of the images that the processor makes. Where an input
has several usual layouts, the class is asked by a run on the meta device.
"""

from __future__ import annotations

import inspect
import itertools
import math
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from fxflops.errors import ModelError
from fxflops.models import hf_failures, images
from fxflops.spec import InputSpec, parse

IMAGE = 224
DETECTION_IMAGE = 640
LENGTH = 128
SECOND = 16_000
"""Samples of audio."""

FRAMES_OF_SPECTROGRAM = 1024
USUAL = {"V": 36, "E": 16}
"""Parts of an image that a detector has found, and entities in a text."""

PATCHES = 256
"""Of an image that arrives as a sequence of patches."""

CHUNKS = {
    "mamba_chunk_size": 0,
    "chunk_size": 0,
    "attention_window": 0,
    "local_radius": 1,
}
"""Fields that say how many tokens a model takes together, and what is added to them."""

MOST_TRIED, MOST_AMENDED = 12, 3

NOT_AMENDED = {
    "attention_mask",
    "position_ids",
    "inputs_embeds",
    "labels",
    "cache",
    "past_key_values",
}
"""What a model makes for itself where it is not given."""

DOCUMENTED = re.compile(r"^ *(\w+) \(`*([^`]*?)`*,? (?:with|of) shape `*\(([^)]*)\)", re.MULTILINE)
NUMBER = re.compile(r"\d+")

MAIN_OF = {
    "text": ("input_ids",),
    "image": ("pixel_values", "flattened_patches", "image"),
    "video": ("pixel_values_videos", "pixel_values"),
    "audio": ("input_features", "input_values"),
    "time": ("past_values",),
}
"""The parameters, of which one is given, for each modality; without text, a video is enough."""

SIMPLE = {"input_ids", "decoder_input_ids", "pixel_values"}
"""Inputs of which a class need not be asked whether it runs with them."""

MAINS = {name for names in MAIN_OF.values() for name in names}

TOGETHER = {
    "input_ids": ("bbox",),
    "visual_feats": ("visual_pos",),
    "pixel_values": (
        "high_res_pixel_values",
        "spatial_shapes",
        "aspect_ratio_ids",
        "aspect_ratio_mask",
        "qformer_input_ids",
        "image_sizes",
        "image_grid_thw",
        "image_embeds_position_mask",
        "prompt_pixel_values",
        "prompt_masks",
    ),
    "input_features": ("input_features_mask",),
    "past_values": ("past_time_features", "past_observed_mask", "future_time_features"),
    "states": ("actions", "rewards", "returns_to_go", "timesteps", "attention_mask"),
}
"""What an input does not come without, where ``forward`` knows it."""

SIZES = {
    "batch_size": "N",
    "batch": "N",
    "sequence_length": "L",
    "seq_length": "L",
    "seq_len": "L",
    "text_seq_len": "L",
    "max_text_len": "L",
    "target_sequence_length": "T",
    "canvas_length": "T",
    "time_steps": "T",
    "num_visual_features": "V",
    "entity_length": "E",
    "height": "H",
    "width": "W",
}
"""The free sizes that words of the documentation are."""

OF_ONE_IMAGE = ("image_sizes", "image_grid_thw", "grid_thw")
"""What says how large the images are, one after the other."""

INTEGERS = ("LongTensor", "IntTensor", "int64", "int32")
INTEGER_NAMES = re.compile(r"(_ids|bbox|_mask|^timesteps|_shapes|_sizes|_thw)$")
FLOAT_NAMES = re.compile(r"(observed_mask)$")


class Proposal(NamedTuple):
    """A spec, its defaults, narrower specs; and arguments that are no tensors of a spec."""

    inputs: InputSpec
    defaults: dict[str, int]
    narrower: tuple[InputSpec, ...]
    constants: Mapping[str, Callable[[], Any]] = {}
    notes: tuple[str, ...] = ()
    last_resort: InputSpec | None = None


Runs = Callable[[Proposal], BaseException | None]
"""Why the class does not run with these inputs at their default sizes; None where it does."""


def proposal(model_class: Any, config: Any, fails: Runs) -> Proposal:
    """The inputs of the class with this configuration.

    Raises ModelError for an input of a shape that nothing says.
    """
    asked = Asked(model_class, config)
    names = asked.given()
    layouts = [asked.layouts(name) for name in names]
    if not layouts:
        raise ModelError(
            f"{model_class.__name__} takes {model_class.main_input_name}, whose shape neither its "
            "documentation nor its configuration says: count it in Python, with "
            "fxflops.analyze(model, kwargs=…)."
        )
    several = _several(asked, layouts)
    if len(several) == 1 and set(names) <= SIMPLE and not asked.may_take_more(names):
        return several[0]
    first: BaseException | None = None
    for each in several:
        error = fails(each)
        if error is None:
            return each
        first = first or error
    assert first is not None
    return _amended(asked, names, layouts, first, fails) or several[0]


def _several(asked: Asked, layouts: Sequence[Sequence[Layout]]) -> list[Proposal]:
    tried = list(itertools.islice(_nearest_first(layouts), MOST_TRIED))
    least = tuple(next((e for e in each if e.is_left_out), each[0]) for each in layouts)
    tried += [least] if least not in tried else []
    return [proposed for proposed in map(asked.proposed, tried) if proposed is not None]


def _amended(
    asked: Asked,
    names: Sequence[str],
    layouts: Sequence[Sequence[Layout]],
    error: BaseException,
    fails: Runs,
) -> Proposal | None:
    """One that runs, of what failed runs say: a width, or a parameter that is not given."""
    names, layouts = list(names), list(layouts)
    for _ in range(MOST_AMENDED):
        widths = hf_failures.width(error)
        if widths is not None and _has_width(layouts, widths[0]):
            layouts = [[_of_width(each, *widths) for each in several] for several in layouts]
        else:
            unknown = set(asked.parameters) - {*names, "self"} - NOT_AMENDED
            more = next((n for n in hf_failures.missing(error, unknown) if asked.knows(n)), None)
            if more is None:
                return None
            names.append(more)
            layouts.append([each for each in asked.layouts(more) if not each.is_left_out])
        why: BaseException | None = None
        for proposed in _several(asked, layouts):
            failed = fails(proposed)
            if failed is None:
                return proposed
            why = why or failed
        if why is None:
            return None
        error = why
    return None


def _has_width(layouts: Sequence[Sequence[Layout]], width: int) -> bool:
    first = [several[0] for several in layouts if several]
    return any(str(width) in level.split() for layout in first for level in layout.levels)


def _of_width(layout: Layout, was: int, width: int) -> Layout:
    """The layout with another width in place of the last of this one."""

    def changed(axes: str) -> str:
        words = axes.split()
        places = [i for i, word in enumerate(words) if word == str(was)]
        if places:
            words[places[-1]] = str(width)
        return " ".join(words)

    return layout._replace(levels=tuple(map(changed, layout.levels)), last=changed(layout.last))


def _nearest_first(layouts: Sequence[Sequence[Any]]) -> Iterator[tuple[Any, ...]]:
    """All choices, those that leave the usual layouts least first."""
    ranked = itertools.product(*(range(len(several)) for several in layouts))
    for choice in sorted(ranked, key=sum):
        yield tuple(several[i] for several, i in zip(layouts, choice, strict=True))


class Asked:
    """A class and a configuration, asked for the inputs."""

    def __init__(self, model_class: Any, config: Any) -> None:
        self.name = model_class.__name__
        self.config = config
        self.parameters = inspect.signature(model_class.forward).parameters
        self.main = model_class.main_input_name
        said = getattr(model_class, "input_modalities", ())
        self.modalities = (said,) if isinstance(said, str) else tuple(said or ())
        text = inspect.getdoc(model_class.forward) or ""
        self.documented = {m[1]: (m[2], m[3]) for m in DOCUMENTED.finditer(text)}
        self.parts = [config, *parts(config)]
        self.vision = _part(config, "vision", "image") or config
        self.audio = _part(config, "audio", "speech", "encoder") or config
        self.defaults: dict[str, int] = {}

    def given(self) -> list[str]:
        """The names of the inputs, each once."""
        required = [
            name
            for name, parameter in self.parameters.items()
            if parameter.default is parameter.empty
            and parameter.kind is parameter.POSITIONAL_OR_KEYWORD
            and name != "self"
        ]
        mains = [self.main] if isinstance(self.main, str) else list(self.main)
        names = dict.fromkeys(name for name in mains if name in self.parameters)
        for modality in self.modalities:
            if modality == "video" and any(name.startswith("pixel_values") for name in names):
                continue
            known = [name for name in MAIN_OF.get(modality, ()) if name in self.parameters]
            if known and not any(name in names for name in known):
                names[known[0]] = None
        names |= dict.fromkeys(required)
        if "input_ids" in names and "visual_feats" in self.parameters:
            names["visual_feats"] = None
        is_seq2seq = getattr(self.config, "is_encoder_decoder", False)
        is_pair = is_seq2seq or "decoder_input_ids" in required
        for part in self.parts:
            is_pair = is_pair or getattr(part, "is_encoder_decoder", False) is True
        if is_pair and "decoder_input_ids" in self.parameters:
            names["decoder_input_ids"] = None
        for name in list(names):
            names |= dict.fromkeys(n for n in TOGETHER.get(name, ()) if n in self.parameters)
        return list(names) if names else mains

    def may_take_more(self, names: Collection[str]) -> bool:
        """Whether there are inputs of some modality beside those of these names."""
        return any(name in self.parameters and name not in names for name in MAINS)

    def knows(self, name: str) -> bool:
        """Whether something says the shape of an input."""
        try:
            return bool(self.layouts(name))
        except ModelError:
            return False

    def layouts(self, name: str) -> list[Layout]:
        """The usual layouts of the input, the likeliest first.

        Raises ModelError where nothing says one.
        """
        rule = RULES.get(name)
        if rule is not None:
            return list(rule(self, name))
        kind, shape = self.documented.get(name, ("", ""))
        axes = [self._axis(word.strip()) for word in shape.split(",") if word.strip()]
        if not axes or None in axes:
            if name in self.parameters and name.endswith(("_ids", "_mask")):
                return [Layout(name, ("N L int64",))]
            raise ModelError(
                f"{self.name} takes {name}, whose shape neither its documentation nor its "
                "configuration says: count it in Python, with fxflops.analyze(model, kwargs=…)."
            )
        is_integer = any(word in kind for word in INTEGERS) or INTEGER_NAMES.search(name)
        dtype = " int64" if is_integer and not FLOAT_NAMES.search(name) else ""
        return [Layout(name, (" ".join(map(str, axes)) + dtype,))]

    def _axis(self, word: str) -> str | int | None:
        """The size that a word of the documentation stands for."""
        if NUMBER.fullmatch(word):
            return int(word)
        known = SIZES.get(word)
        return known if known is not None else self.number(word)

    def number(self, *names: str) -> int | None:
        """The first of these fields that the configuration, or else a part of it, has."""
        for name in names:
            for part in self.parts:
                value = getattr(part, name, None)
                if type(value) is int:
                    return value
        return None

    def proposed(self, chosen: Sequence[Layout]) -> Proposal | None:
        """The specs of the chosen layouts, the widest first; None where all are left out."""
        notes = tuple(
            f"No {layout.name} are given, and what is done with them is not counted."
            for layout in chosen
            if layout.is_left_out and layout.name in MAINS
        )
        if any(layout.name in OF_ONE_IMAGE for layout in chosen if layout.constant):
            notes += ("One image is given, for whatever number of rows.",)
        chosen = [layout for layout in chosen if not layout.is_left_out]
        tensors = [layout for layout in chosen if layout.levels]
        if not tensors:
            return None
        depth = max(len(layout.levels) for layout in tensors)
        specs = [
            _joined(tensors, [each.levels[min(level, len(each.levels) - 1)] for each in tensors])
            for level in range(depth)
        ]
        last = _joined(tensors, [each.last or each.levels[-1] for each in tensors])
        defaults = {"N": 1, "L": self._length(), "T": self._length(), **USUAL}
        for layout in chosen:
            defaults |= layout.defaults
        free = {axis.name for axis in specs[0].axes}
        constants = {each.name: each.constant for each in chosen if each.constant is not None}
        return Proposal(
            specs[0],
            {name: size for name, size in defaults.items() if name in free},
            tuple(dict.fromkeys(spec for spec in specs[1:] if spec != specs[0])),
            constants,
            notes,
            last if any(each.last for each in tensors) else None,
        )

    def _length(self) -> int:
        return length(self.config)

    def image_size(self) -> tuple[int, int]:
        """Height and width of an image, as the configuration or the processor says."""
        return self.image_sizes()[0]

    def image_sizes(self) -> list[tuple[int, int]]:
        """Heights and widths of images, as all of them say that say one."""
        said = [
            getattr(self.config, "image_size", None),
            getattr(self.vision, "image_size", None),
            _processed(self.config),
        ]
        known = [list(s.values()) if isinstance(s, Mapping) else s for s in said if s]
        usual = DETECTION_IMAGE if "Detection" in self.name else IMAGE
        return list(dict.fromkeys(map(images.pair, known or [usual])))

    def channels(self) -> int:
        """Of an image."""
        for name in ("num_channels", "in_channels", "in_chans", "num_image_channels"):
            value = getattr(self.vision, name, None)
            if type(value) is int:
                return value
        return 3


def _joined(layouts: Iterable[Layout], axes: Iterable[str]) -> InputSpec:
    pairs = zip(layouts, axes, strict=True)
    return parse("; ".join(f"{layout.name}: {of_it}" for layout, of_it in pairs))


class Layout(NamedTuple):
    """An input: its axes, free ones and then narrower; or an argument that is no tensor.

    ``last`` are axes to fall back on where none of these can be captured.
    """

    name: str
    levels: tuple[str, ...] = ()
    defaults: Mapping[str, int] = {}
    constant: Callable[[], Any] | None = None
    is_left_out: bool = False
    last: str = ""


def chunk(config: Any) -> int | None:
    """Tokens that a model takes together, filled up where the last are fewer."""
    for part in (config, *parts(config)):
        for field, value in ((field, getattr(part, field, None)) for field in CHUNKS):
            several = value if isinstance(value, list | tuple) else [value]
            if several and all(type(each) is int and each > 1 for each in several):
                largest: int = max(several)
                return largest + CHUNKS[field]
    return None


def length(config: Any) -> int:
    """Of a text: a usual one, or the longest that the model takes."""
    try:
        text = config.get_text_config()
    except ValueError:  # it has one for an encoder and one for a decoder
        text = config.get_text_config(decoder=True)
    most = getattr(text, "max_position_embeddings", None)
    usual = min(LENGTH, most) if type(most) is int and most > 0 else LENGTH
    together = chunk(config) or 1
    whole = -(-usual // together) * together
    return whole if type(most) is not int or whole <= most else usual


def parts(config: Any) -> Iterator[Any]:
    """The configurations inside, at any depth."""
    for name in getattr(type(config), "sub_configs", None) or ():
        part = getattr(config, name, None)
        if part is not None and not isinstance(part, dict):
            yield part
            yield from parts(part)


def _part(config: Any, *words: str) -> Any:
    """The part of the configuration whose name begins with one of these words."""
    for word in words:
        for name in getattr(type(config), "sub_configs", None) or ():
            part = getattr(config, name, None)
            if name.startswith(word) and part is not None and not isinstance(part, dict):
                return part
    return None


def _processed(config: Any) -> Sequence[int] | None:
    """Height and width of the images that the usual processor of this type makes."""
    try:
        from importlib import import_module

        auto: Any = import_module("transformers.models.auto.image_processing_auto")
        named: Any = auto.IMAGE_PROCESSOR_MAPPING_NAMES.get(config.model_type)
        named = list(named.values()) if isinstance(named, dict) else named
        named = next((n for n in named if n), None) if isinstance(named, list | tuple) else named
        of_name = getattr(auto, "get_image_processor_class_from_name", None)
        of_name = of_name or auto.image_processor_class_from_name  # its name before
        processor = of_name(named) if named else None
    except Exception:  # of a package that the processor needs
        return None
    is_cropped = getattr(processor, "do_center_crop", False)
    size = getattr(processor, "crop_size", None) if is_cropped else None
    size = size or getattr(processor, "size", None)
    if isinstance(size, int):
        return (size, size)
    if isinstance(size, dict) and {"height", "width"} <= size.keys():
        return size["height"], size["width"]
    return None


def _image(asked: Asked, name: str) -> Iterator[Layout]:
    """One image for each row; or several, or the patches of one."""
    channels = asked.channels()
    height, width = asked.image_size()
    if not {"image_grid_thw", "grid_thw"}.isdisjoint(asked.parameters):
        yield from _patches_in_a_row(asked, name, channels)
        return
    if "image_sizes" in asked.parameters:
        yield Layout(name, (f"1 {channels} {height} {width}",))
        for tiles in (2, 3, 5):  # in which one image arrives, with one of the whole
            yield Layout(name, (f"1 {tiles} {channels} {height} {width}",))
        yield Layout(name, is_left_out=True)
        return
    if "spatial_shapes" in asked.parameters:
        yield _sequence_of_patches(asked, name, channels)
        return
    frames = asked.number("num_frames", "frames_per_clip")
    if "video" in asked.modalities and "image" not in asked.modalities:
        frames = frames or 16
        yield Layout(name, *_levels(f"N {frames} {channels}", height, width, asked))
        return
    for size in asked.image_sizes():
        yield Layout(name, *_levels(f"N {channels}", *size, asked))
    for several in (1, 2):
        yield Layout(name, *_levels(f"N {several} {channels}", height, width, asked))
    if frames:
        yield Layout(name, *_levels(f"N {frames} {channels}", height, width, asked))
    patch = _patch(asked)
    patches = (height // patch) * (width // patch)
    yield Layout(name, (f"N {patches} {channels * patch * patch}",))
    if "text" in asked.modalities and asked.main != name:
        yield Layout(name, is_left_out=True)


def _levels(
    before: str, height: int, width: int, asked: Asked
) -> tuple[tuple[str, ...], dict[str, int]]:
    """Free height and width, then multiples of whole windows, then the usual size alone."""
    multiple = windows(asked.config)
    if multiple > 1:
        height, width = (max(size // multiple, 1) * multiple for size in (height, width))
        free = [f"H%{multiple} W%{multiple}"]
    else:
        step = [math.gcd(size, images.STRIDE) for size in (height, width)]
        free = [f"H%{step[0]} W%{step[1]}", f"H%{height} W%{width}"]
    sizes = [*free, f"{height} {width}"]
    return tuple(f"{before} {size}" for size in dict.fromkeys(sizes)), {"H": height, "W": width}


def windows(config: Any) -> int:
    """Of what height and width are multiples; 1 where nothing is known of it.

    Patches may be in windows; a detector may have maps beyond those of its backbone, each half as
    large as the one before.
    """
    backbone = getattr(config, "backbone_config", None)
    levels = getattr(config, "num_feature_levels", None)
    of_backbone = getattr(backbone, "out_indices", None)
    if levels and of_backbone and levels > len(of_backbone):
        halvings: int = levels - len(of_backbone)
        return images.STRIDE << halvings
    several: int = getattr(backbone, "num_windows", 1)
    several = getattr(backbone, "num_windows_side", several)
    patch: int = getattr(backbone, "patch_size", 1)
    return several * patch if several > 1 else 1


def _patch(asked: Asked) -> int:
    value = getattr(asked.vision, "patch_size", None) or asked.number("patch_size") or 16
    return value if isinstance(value, int) else int(value[0])  # or one for each stage


def _patches_in_a_row(asked: Asked, name: str, channels: int) -> Iterator[Layout]:
    """The patches of all images one after the other, whose grids say where one ends."""
    patch, frames = _patch(asked), getattr(asked.vision, "temporal_patch_size", 1) or 1
    yield Layout(name, (f"{_grid()[0] * _grid()[1]} {channels * frames * patch * patch}",))
    yield Layout(name, (f"{_grid()[0] * _grid()[1]} {channels} {patch} {patch}",))
    yield Layout(name, is_left_out=True)


def _grid() -> tuple[int, int]:
    side = math.isqrt(PATCHES)
    return side, side


def _grid_of_one(asked: Asked, name: str) -> Iterator[Layout]:
    yield _of_numbers(name, [[1, *_grid()]])
    yield Layout(name, is_left_out=True)


def _of_numbers(name: str, numbers: list[Any]) -> Layout:
    """A tensor of these numbers, made in each call, so that a capture knows its values."""

    def made() -> Any:
        import torch

        return torch.tensor(numbers)

    return Layout(name, constant=made)


def _sizes_of_images(asked: Asked, name: str) -> Iterator[Layout]:
    yield Layout(name, constant=lambda: [list(asked.image_size())])
    yield Layout(name, is_left_out=True)


def _sequence_of_patches(asked: Asked, name: str, channels: int) -> Layout:
    patch = _patch(asked)
    patches = asked.number("num_patches", "max_num_patches") or PATCHES
    return Layout(name, (f"N {patches} {channels * patch * patch}",))


def _shapes_of_patches(asked: Asked, name: str) -> Iterator[Layout]:
    patches = asked.number("num_patches", "max_num_patches") or PATCHES
    side = math.isqrt(patches)
    yield _of_numbers(name, [[side, side]])


def _flattened_patches(asked: Asked, name: str) -> Iterator[Layout]:
    """Each patch with its row and column before its pixels."""
    patch = _patch(asked)
    yield Layout(name, (f"N P {2 + asked.channels() * patch * patch}",), {"P": 2048})


def _waveform(asked: Asked, name: str) -> Iterator[Layout]:
    bins = asked.number("num_mel_bins")
    frames = asked.number("max_length")
    if bins and frames and asked.number("frequency_stride"):
        yield Layout(name, (f"N {frames} {bins}",))
    channels = asked.number("audio_channels", "input_channels") or 1
    shape = asked.documented.get(name, ("", ""))[1]
    flat = Layout(name, ("N S", f"N {SECOND}"), {"S": SECOND})
    with_channels = Layout(name, (f"N {channels} S", f"N {channels} {SECOND}"), {"S": SECOND})
    yield from (with_channels, flat) if shape.count(",") > 1 else (flat, with_channels)
    if bins:
        yield Layout(name, (f"N F {bins}", f"N {LENGTH} {bins}"), {"F": LENGTH})


def _spectrogram(asked: Asked, name: str) -> Iterator[Layout]:
    """A spectrogram, whose length an encoder with learnt positions fixes."""
    fields = (
        "num_mel_bins",
        "input_feat_per_channel",
        "input_feat_size",
        "mel_bins",
        "n_mels",
        "feature_size",
    )
    audio = (asked.audio, *asked.parts)
    found = (getattr(part, field, None) for part in audio for field in fields)
    bins = next((value for value in found if type(value) is int), 80)
    positions = asked.number("max_source_positions")
    frames = FRAMES_OF_SPECTROGRAM
    if positions:
        yield Layout(name, (f"N {bins} {2 * positions}",))
    free = {"F": frames}
    yield Layout(name, (f"N F {bins}", f"N {frames} {bins}"), free)
    yield Layout(name, (f"N {bins} F", f"N {bins} {frames}"), free)
    width = asked.number("feature_projection_input_dim", "input_dim")
    if width and width != bins:
        yield Layout(name, (f"N F {width}", f"N {frames} {width}"), free)
    if asked.number("spec_size"):  # of one channel, or of the whole and three parts of it
        yield Layout(name, (f"N 1 {frames} {bins}",))
        yield Layout(name, (f"N 4 {frames} {bins}",))
    if "text" in asked.modalities and asked.main != name:
        yield Layout(name, is_left_out=True)


def _frames(asked: Asked, name: str) -> Iterator[Layout]:
    """Which frames of a spectrogram are given: all, where the model does not ask."""
    if asked.parameters[name].default is not inspect.Parameter.empty:
        yield Layout(name, is_left_out=True)
    positions = asked.number("max_source_positions")
    for frames in dict.fromkeys([2 * (positions or 0), "F", FRAMES_OF_SPECTROGRAM]):
        if frames:
            yield Layout(name, (f"N {frames} bool",), {"F": FRAMES_OF_SPECTROGRAM})


def _states(asked: Asked, name: str) -> Iterator[Layout]:
    """What another part has computed, or the patches of images."""
    if "grid_thw" in asked.parameters:
        yield from _image(asked, name)
        return
    width = asked.number("hidden_size", "d_model", "hidden_dim", "embed_dim")
    if width:
        yield Layout(name, (f"N L {width}",))
    if asked.modalities and asked.modalities[0] == "audio":
        yield from _spectrogram(asked, name)
    if asked.modalities and asked.modalities[0] == "image":
        yield from _image(asked, name)


def _of_encoder(asked: Asked, name: str) -> Iterator[Layout]:
    width = asked.number("encoder_hidden_size", "cross_attention_hidden_size", "hidden_size")
    yield Layout(name, (f"N S {width}",), {"S": PATCHES})


def _grids(asked: Asked, name: str) -> Iterator[Layout]:
    """Rows and columns of patches of one image."""
    patch = _patch(asked)
    yield _of_numbers(name, [[size // patch for size in asked.image_size()]])


def _queries(asked: Asked, name: str) -> Iterator[Layout]:
    queries = asked.number("num_query_tokens") or 32
    yield Layout(name, (f"N {queries} {asked.number('hidden_size')}",))


def _codebook(asked: Asked, name: str) -> Iterator[Layout]:
    """Which codebook is predicted, of those after the ones that are given."""
    book = asked.number("n_codes_given") or 1
    yield Layout(name, constant=lambda: book)


def _series(asked: Asked, name: str) -> Iterator[Layout]:
    """The past of a time series: what is to be known of it, and as far back as the lags go."""
    lags = getattr(asked.config, "lags_sequence", None)
    context = asked.number("context_length", "prediction_length") or LENGTH
    past = context + (max(lags) if lags else 0)
    is_future = name.startswith("future")
    steps = (asked.number("prediction_length") or LENGTH) if is_future else past
    if name.endswith("time_features"):
        yield Layout(name, (f"N {steps} {asked.number('num_time_features') or 1}",))
        return
    width = asked.number("num_input_channels") or asked.number("input_size") or 1
    is_flat = width == 1 and asked.number("num_input_channels") is None
    yield Layout(name, (f"N {steps}" if is_flat else f"N {steps} {width}",))


def _of_states(asked: Asked, name: str) -> Iterator[Layout]:
    width = {"states": "state_dim", "state": "max_state_dim", "actions": "act_dim"}.get(name)
    yield Layout(name, (f"N L {asked.number(width) if width else 1}",))
    if name == "state":
        yield Layout(name, (f"N {asked.number('max_state_dim', 'state_dim') or 1}",))


def _places(asked: Asked, name: str) -> Iterator[Layout]:
    yield Layout(name, ("N L int64",))


def _boxes(asked: Asked, name: str) -> Iterator[Layout]:
    yield Layout(name, ("N L 4 int64",))
    yield Layout(name, ("N L 8",))
    yield Layout(name, is_left_out=True)


def _text(asked: Asked, name: str) -> Iterator[Layout]:
    """Tokens; some models read several in each place, of as many codebooks."""
    free = "T" if name.startswith("decoder") else "L"
    usual = length(asked.config)
    together = chunk(asked.config)
    levels = [free, *([f"{free}%{together}"] if together and usual % together == 0 else [])]
    yield Layout(name, tuple(f"N {of_it} int64" for of_it in levels), last=f"N {usual} int64")
    codes = asked.number("num_codebooks", "num_channels") if name in ("decoder_input_ids",) else 0
    codes = codes or asked.number("num_codebooks", "n_codes_total") or 0
    if codes > 1:
        yield Layout(name, (f"N {free} {codes} int64",))
        if name == "decoder_input_ids":
            yield Layout(name, (f"{codes} {free} int64",))
            yield Layout(name, (f"{2 * codes} {free} int64",))


def _any_input(asked: Asked, name: str) -> Iterator[Layout]:
    """What Perceiver reads: tokens, or an image."""
    height, width = asked.image_size()
    yield Layout(name, (f"N {asked.number('max_position_embeddings') or LENGTH} int64",))
    yield Layout(name, *_levels(f"N {asked.channels()}", height, width, asked))


def _tasks(asked: Asked, name: str) -> Iterator[Layout]:
    most = asked.number("task_seq_len") or LENGTH
    yield Layout(name, (f"N {most}",))


def _classes(asked: Asked, name: str) -> Iterator[Layout]:
    yield Layout(name, ("C L int64",), {"C": 16, "L": 16})


def _structure(asked: Asked, name: str) -> Iterator[Layout]:
    yield _of_numbers(name, [16])


def _tiles(asked: Asked, name: str) -> Iterator[Layout]:
    """An image in tiles."""
    tiles = asked.number("max_num_tiles") or 4
    rest = {"aspect_ratio_ids": "N 1 int64", "aspect_ratio_mask": f"N 1 {tiles} int64"}
    yield Layout(name, (rest[name],))


def _image_or_tiles(asked: Asked, name: str) -> Iterator[Layout]:
    if "aspect_ratio_ids" in asked.parameters:
        height, width = asked.image_size()
        tiles = asked.number("max_num_tiles") or 4
        yield Layout(name, (f"N 1 {tiles} {asked.channels()} {height} {width}",))
        return
    yield from _image(asked, name)


def _prompt(asked: Asked, name: str) -> Iterator[Layout]:
    height, width = asked.image_size()
    yield Layout(name, (f"N {asked.channels()} {height} {width}",))


def _high_resolution(asked: Asked, name: str) -> Iterator[Layout]:
    part = _part(asked.config, "high_res")
    size = getattr(part, "image_size", 1024) or 1024
    yield Layout(name, (f"N {asked.channels()} {size} {size}",))


def _videos(asked: Asked, name: str) -> Iterator[Layout]:
    height, width = asked.image_size()
    frames = asked.number("frames_per_clip", "num_frames") or 16
    yield Layout(name, *_levels(f"N {frames} {asked.channels()}", height, width, asked))


def _qformer(asked: Asked, name: str) -> Iterator[Layout]:
    yield Layout(name, ("N Q int64",), {"Q": LENGTH})


def _mask_of_images(asked: Asked, name: str) -> Iterator[Layout]:
    yield Layout(name, is_left_out=True)
    yield Layout(name, ("N L bool",))


RULES: dict[str, Callable[[Asked, str], Iterable[Layout]]] = {
    "input_ids": _text,
    "decoder_input_ids": _text,
    "qformer_input_ids": _qformer,
    "pixel_values": _image_or_tiles,
    "image": _image,
    "pixel_values_videos": _videos,
    "high_res_pixel_values": _high_resolution,
    "prompt_pixel_values": _prompt,
    "prompt_masks": _prompt,
    "flattened_patches": _flattened_patches,
    "spatial_shapes": _shapes_of_patches,
    "image_grid_thw": _grid_of_one,
    "grid_thw": _grid_of_one,
    "hidden_states": _states,
    "query_embeds": _queries,
    "encoder_hidden_states": _of_encoder,
    "target_sizes": _grids,
    "codebook_idx": _codebook,
    "spectrogram": _spectrogram,
    "mel_spectrogram": _spectrogram,
    "audio_mel": _spectrogram,
    "audio_mel_mask": _frames,
    "input_features_mask": _frames,
    "image_sizes": _sizes_of_images,
    "image_embeds_position_mask": _mask_of_images,
    "aspect_ratio_ids": _tiles,
    "aspect_ratio_mask": _tiles,
    "input_values": _waveform,
    "input_features": _spectrogram,
    "past_values": _series,
    "past_time_features": _series,
    "past_observed_mask": _series,
    "future_time_features": _series,
    "states": _of_states,
    "state": _of_states,
    "actions": _of_states,
    "rewards": _of_states,
    "returns_to_go": _of_states,
    "timesteps": _places,
    "bbox": _boxes,
    "inputs": _any_input,
    "task_inputs": _tasks,
    "classes_input_ids": _classes,
    "classes_attention_mask": _classes,
    "classes_structure": _structure,
}
"""Inputs with layouts that the documentation does not tell, or only in general."""
