"""Command line and YAML from one dataclass.

A configuration is a dataclass with a docstring under each field:

    @dataclass(frozen=True)
    class Config(Options):
        corpus: list[Path] = option([], "Data", "PATH")
        \"\"\"Files and folders of raw text.\"\"\"
        preset: Literal["tiny", "mini"] = option("tiny", "Network")
        \"\"\"Size of the network.\"\"\"

`parse(Config, ["--preset", "mini", "--corpus", "청원.jsonl", "위키.txt"], description=…)` gives the instance,
`parse(Config, ["--config", "runs/pretrain/첫번째/config.yaml"], …)` reads the same names from a file, and flags win
over the file. `--help` prints the docstrings in their groups, with their defaults.

Field types: `int`, `float`, `str`, `bool` (`--name`, `--no_name`), `Path`, `Literal` of strings, `list[T]` or
`tuple[T, ...]` of these (one or more values), and `T | None` (`none` gives None, but for `str`, where it is text).
Which contradictions a configuration refuses is its own affair: a `ValueError` or `UsageError` out of its
`__post_init__` reaches the user as a sentence.

The command line is read by argparse and files by PyYAML; what is here gives them types. jsonargparse (4.53) and tyro
(1.0) were tried in their place, and lose what users have. jsonargparse reports a value of a file without the line, and
in a paragraph of types; takes null for any option and the second of two equal names; reads `preset: no` and
`name: 2026` as something else than text; ends with a traceback at `!!int ''`; and needs yaml for `--help`. tyro answers
with a framed paragraph, takes `--max-steps` for `--max_steps`, does not say what was given, and reads no file. Either
would have left the reading of files, the sentences and the groups of `--help` here.
"""

import argparse
import ast
import inspect
import math
import shutil
import textwrap
import types
import typing
from collections.abc import Collection, Sequence
from dataclasses import MISSING, Field, dataclass, field, fields, is_dataclass
from pathlib import Path
from typing import Any, Literal, TypeVar

from experiment.errors import UsageError
from experiment.option_file import KINDS, Option, OptionFile, nearest
from experiment.run_directory import replacing

_METAVAR = {int: "N", float: "X", str: "TEXT", Path: "PATH", bool: ""}


def option(default: Any, group: str, metavar: str | None = None, *, before: Any = None) -> Any:
    """A field of a configuration: its default, the heading of `--help` that it stands under, and how its value is called
    there. `before` is what configurations mean that were kept before there was the option, where its default is something
    else."""
    metadata = {"group": group, "before": before} | ({"metavar": metavar} if metavar else {})
    if default == []:
        return field(default_factory=list, metadata=metadata)
    return field(default=default, metadata=metadata)


@dataclass(frozen=True, slots=True)
class Options:
    """What every configuration inherits from. One with a `__post_init__` of its own calls this one's.

    A slot keeps `given` out of `vars(config)`, which are the options.
    """

    given: frozenset[str] = field(default=typing.cast(Any, None), kw_only=True, repr=False, compare=False)
    """Names of the options that were given, by a flag or in a file, their default's value or another. No option itself.
    `dataclasses.replace` keeps it. For a configuration made in Python: the options that differ from their default."""

    def __post_init__(self) -> None:
        if self.given is None:
            different = (f.name for f in option_fields(self) if getattr(self, f.name) != default_of(f))
            object.__setattr__(self, "given", frozenset(different))


Config = TypeVar("Config", bound=Options)


def option_fields(config: Options | type[Options]) -> list[Field[Any]]:
    """The fields of a configuration, or of its class, that are options."""
    return [f for f in fields(config) if f.name != "given"]


def default_of(option_field: Field[Any]) -> Any:
    """The default, or `MISSING` where the option must be given."""
    return option_field.default if option_field.default_factory is MISSING else option_field.default_factory()


_CONFIG = Option(
    "config",
    Path,
    help="Read options from a YAML file, with the names of these flags; flags win over it.",
    metavar="FILE",
)


def read_options(config_class: type[Options]) -> dict[str, Option]:
    """The options of a configuration class by name, in the order of its fields."""
    hints = typing.get_type_hints(config_class)
    documentation = _field_docstrings(config_class)
    options = {}
    for f in option_fields(config_class):
        kind, optional = hints[f.name], False
        if typing.get_origin(kind) in (typing.Union, types.UnionType):
            kind, optional = next(t for t in typing.get_args(kind) if t is not type(None)), True
        container = typing.get_origin(kind) if typing.get_origin(kind) in (list, tuple) else None
        if container:
            kind = typing.get_args(kind)[0]
        choices: tuple[str, ...] = ()
        if typing.get_origin(kind) is Literal:
            choices, kind = typing.get_args(kind), str
        if kind not in KINDS:
            raise TypeError(f"{config_class.__name__}.{f.name}: options do not know the type {hints[f.name]}")
        options[f.name] = Option(
            name=f.name,
            kind=kind,
            choices=choices,
            container=container,
            optional=optional,
            default=default_of(f),
            help=documentation.get(f.name, ""),
            group=f.metadata.get("group", "Options"),
            metavar=f.metadata.get("metavar", "|".join(choices) or _METAVAR[kind]),
            before=f.metadata.get("before"),
        )
    return options


def _field_docstrings(config_class: type) -> dict[str, str]:
    """The string under each annotated field, read from the source of the class and of the dataclasses under it."""
    found: dict[str, str] = {}
    for base in reversed([c for c in config_class.__mro__ if is_dataclass(c)]):
        body = ast.parse(textwrap.dedent(inspect.getsource(base))).body[0]
        assert isinstance(body, ast.ClassDef)
        for statement, following in zip(body.body, body.body[1:], strict=False):
            if (
                isinstance(statement, ast.AnnAssign)
                and isinstance(statement.target, ast.Name)
                and isinstance(following, ast.Expr)
                and isinstance(following.value, ast.Constant)
                and isinstance(following.value.value, str)
            ):
                found[statement.target.id] = " ".join(following.value.value.split())
    return found


def parse(config_class: type[Config], argv: Sequence[str], *, description: str, epilog: str = "") -> Config:
    """The configuration that a command line asks for.

    `argv` is the command line without the program's name. Defaults give way to the file of `--config`, and that to
    the flags. Prints the help and exits with 0 for `--help`. Raises UsageError, one sentence, for every mistake.
    """
    options = read_options(config_class)
    parser = _parser(options, description, epilog)
    if "-h" in argv or "--help" in argv:
        parser.print_help()
        raise SystemExit(0)
    flags = _read_flags(parser, options, argv)
    path = flags.pop("config", None)
    values, given = _read_file(options, path) if path is not None else ({}, set())
    values |= flags
    for option in options.values():
        if option.default is MISSING and option.name not in values:
            raise UsageError(f"--{option.name} is needed: {option.what}.")
    try:
        return config_class(**values, given=frozenset(given | flags.keys()))
    except ValueError as error:
        raise UsageError(str(error)) from error


class _Switch(argparse.Action):
    """`--name` and `--no_name` (argparse's own action of this kind spells --no-name)."""

    def __call__(self, parser: Any, namespace: Any, values: Any, option_string: str | None = None) -> None:
        setattr(namespace, self.dest, option_string == self.option_strings[0])


def _parser(options: dict[str, Option], description: str, epilog: str) -> argparse.ArgumentParser:
    """A parser that gives the values of those flags alone that are given."""
    width = min(100, max(72, shutil.get_terminal_size().columns))
    parser = argparse.ArgumentParser(
        usage="%(prog)s [--name value ...]",
        description=textwrap.fill(" ".join(description.split()), width),
        epilog=epilog,
        formatter_class=lambda prog: argparse.RawDescriptionHelpFormatter(prog, max_help_position=26, width=width),
        argument_default=argparse.SUPPRESS,
        add_help=False,
        allow_abbrev=False,
        exit_on_error=False,
    )
    groups: dict[str, Any] = {}
    for option in [*options.values(), _CONFIG]:
        if option.group not in groups:
            groups[option.group] = parser.add_argument_group(option.group)
        add, text = groups[option.group].add_argument, _describe(option).replace("%", "%%")
        if option.kind is bool:
            add(f"--{option.name}", f"--no_{option.name}", action=_Switch, nargs=0, help=text)
        else:
            nargs = "+" if option.container else None
            add(f"--{option.name}", type=option.of_flag, nargs=nargs, metavar=option.metavar, help=text)
    groups["General"].add_argument("--help", action="help", help="Show this page.")
    return parser


def _describe(option: Option) -> str:
    """Help and default of one option; None and an empty list are for the docstring to explain."""
    if option.default is MISSING:
        return f"{option.help.removesuffix('.')} (needed)."
    if option.default is None or option.default in ([], (), ""):
        return option.help
    if option.kind is bool:
        default = "on" if option.default else "off"
    elif option.container:
        default = " ".join(str(item) for item in option.default)
    else:
        default = str(option.default)
    return f"{option.help.removesuffix('.')} (default: {default})."


def _read_flags(parser: argparse.ArgumentParser, options: dict[str, Option], argv: Sequence[str]) -> dict[str, Any]:
    """The values given on the command line, that of `--config` among them. Raises UsageError."""
    options = options | {"config": _CONFIG}
    try:
        namespace, unknown = parser.parse_known_args(argv)
    except argparse.ArgumentError as error:  # too few values, or --name=value for a switch
        flag = str(error.argument_name).split("/")[0]
        option = options.get(flag[2:])
        if option is None or option.kind is bool:
            raise UsageError(f"{flag} takes no value; leave out what follows the =.") from None
        following = [*argv, ""][list(argv).index(flag) + 1]
        dash = f" (with a dash: {flag}={following})" if following.startswith("-") and following[1:2] != "-" else ""
        raise UsageError(f"{flag} needs a value: {option.what}{dash}.") from None
    if unknown:
        raise UsageError(_unknown(unknown[0], options, argv))
    return {
        name: container(value) if (container := options[name].container) else value
        for name, value in vars(namespace).items()
    }


def _unknown(word: str, options: dict[str, Option], argv: Sequence[str]) -> str:
    """What is to be said of a word that is no flag, nor the value of one."""
    bools = [option.name for option in options.values() if option.kind is bool]
    switches = {f"--{name}" for name in [*bools, *(f"no_{name}" for name in bools)]}
    flags = {f"--{name}" for name in options}
    if word.startswith("--"):
        flag = word.partition("=")[0]
        known = sorted(name[2:] for name in flags | switches | {"--help"})
        return f"there is no flag {flag}; {nearest(flag[2:], known, '--')}"
    for flag, value, following in zip(["", *argv], argv, argv[1:], strict=False):
        if following == word and value in switches:
            return f"{value} takes no value, but '{word}' follows it."
        if following == word and flag in flags - switches:
            return f"{flag} takes one value, but '{word}' follows '{value}'."
    return f"'{word}' belongs to no flag; write --name value (see --help)."


def flag_value(name: str, argv: Sequence[str]) -> str | None:
    """What a command line, or the file of its `--config`, gives for one flag, before its other flags are known.

    Of help when the flag decides which options there are. Raises UsageError where the file cannot be read.
    """
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    for flag in (name, "config"):
        parser.add_argument(f"--{flag}", nargs="?", const="")
    found = vars(parser.parse_known_args(argv)[0])
    if found["config"] == "":
        raise UsageError(f"--config needs a value: {_CONFIG.what}.")
    if found[name] is not None or found["config"] is None:
        return found[name]
    file = OptionFile.open(Path(found["config"]), "--config")
    entries = [] if file.root is None else file.mapping(file.root)
    option = Option(name, str, optional=True)
    return next((file.value(option, value) for key, value in entries if key.value == name), None)


FORMAT = 2
"""Of kept configurations. In the first format, which did not say so, `batch_tokens` and `batch_size` counted for a device
and a forward pass; now they count over all of them."""
_HEADER = {"config_format": Option("config_format", int), "given": Option("given", str, container=list)}
"""What a kept configuration holds beside its options."""


def _read_file(options: dict[str, Option], path: Path) -> tuple[dict[str, Any], set[str]]:
    """The values in the file of `--config`, and which of them count as given. Raises UsageError.

    In a person's own file all of them do; a kept configuration holds every option, and says which had been given: those,
    and what differs from its default, do. None leaves a value to the defaults in either.
    """
    file = OptionFile.open(path, "--config")
    if file.root is None:
        return {}, set()
    places = file.entries(file.root, [*options, *_HEADER])
    read = {name: file.value((options | _HEADER)[name], node) for name, (_, node) in places.items()}
    values = {name: value for name, value in read.items() if name in options}
    given = {name for name, value in values.items() if value is not None}
    batch = next((name for name in ("batch_tokens", "batch_size") if name in given), None)
    if "config_format" in read:
        if read["config_format"] != FORMAT:
            where = places["config_format"][0]
            raise UsageError(
                f"{where}: config_format {read['config_format']} is not one that is read here, but {FORMAT} is."
            )
    elif batch and "accumulate" in values:
        _check_first_format(places[batch][0], batch, values)
    else:
        return values, given
    values |= {
        name: option.before for name, option in options.items() if name not in values and option.before is not None
    }
    listed = read.get("given", [])
    return values, {name for name in given if name in listed or values[name] != options[name].default}


def _check_first_format(where: str, batch: str, values: dict[str, Any]) -> None:
    """Raises UsageError where a kept configuration of the first format means something else now."""
    factors = {name: values.get(name) or 1 for name in ("accumulate", "devices", "num_nodes")}
    if max(factors.values()) == 1:
        return
    product = " × ".join([str(values[batch]), *(f"{name} {value}" for name, value in factors.items() if value > 1)])
    total = str(values[batch] * math.prod(factors.values()))
    if values.get("devices") is None:
        total += " × the number of devices"
    raise UsageError(
        f"{where}: this file was written when {batch} counted for one device and forward pass, and meant {product} "
        f"= {total} an optimizer step; now it counts over all of them: write {batch}: {total}, accumulate: null and "
        f"config_format: {FORMAT}."
    )


def changes_on_resume(saved: Options, given: Options, changeable: Collection[str]) -> dict[str, Any]:
    """What a run that is gone on with is to have otherwise than in the configuration that it was saved with.

    Raises UsageError where something else was given than the saved configuration has, be it the default, and it is not
    among the `changeable` options.
    """
    values = {f.name: getattr(given, f.name) for f in option_fields(given) if f.name in given.given}
    changes = {name: value for name, value in values.items() if value != getattr(saved, name)}
    for name, value in changes.items():
        if name not in changeable:
            flag = f"--no_{name}" if value is False else f"--{name}"
            raise UsageError(
                f"--resume goes on with the run's own configuration, in which {name} is {getattr(saved, name)}; "
                f"leave out {flag}, or start a new run"
            )
    return changes


def as_dict(config: Options) -> dict[str, Any]:
    """The configuration as plain values: paths become text, tuples lists."""

    def plain(value: Any) -> Any:
        if isinstance(value, list | tuple):
            return [plain(item) for item in value]
        return str(value) if isinstance(value, Path) else value

    return {f.name: plain(getattr(config, f.name)) for f in option_fields(config)}


def write_yaml(config: Options, path: Path) -> None:
    """Write the configuration so that `--config path` repeats it: every field, grouped as in `--help`."""
    import yaml

    values = as_dict(config)
    groups: dict[str, dict[str, Any]] = {}
    for option in read_options(type(config)).values():
        groups.setdefault(option.group, {})[option.name] = values[option.name]
    given = ", ".join(name for name in values if name in config.given)
    header = (
        f"config_format: {FORMAT}  # batch_tokens and batch_size count over all devices and forward passes\n"
        f"given: [{given}]  # by a flag or a file; the rest is as the program chose it\n"
    )
    blocks = (
        f"# {group}\n{yaml.safe_dump(part, allow_unicode=True, sort_keys=False, width=10**6)}"
        for group, part in groups.items()
    )
    with replacing(path) as temporary:
        temporary.write_text("\n".join([header, *blocks]), encoding="utf-8")
