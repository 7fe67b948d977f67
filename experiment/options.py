"""Command line and YAML from one dataclass.

A configuration is a dataclass with a docstring under each field:

    @dataclass
    class Config:
        corpus: list[Path] = option([], "Data", "PATH")
        \"\"\"Files and folders of raw text.\"\"\"
        preset: Literal["tiny", "mini"] = "tiny"
        \"\"\"Size of the network.\"\"\"

`parse(Config, ["--preset", "mini", "--corpus", "청원.jsonl", "위키.txt"], description=…)` gives the instance,
`parse(Config, ["--config", "runs/pretrain/첫번째/config.yaml"], …)` reads the same names from a file, and flags win
over the file. `--help` prints the docstrings in their groups, with their defaults.

Field types: `int`, `float`, `str`, `bool` (`--name`, `--no_name`), `Path`, `Literal` of strings, `list[T]` or
`tuple[T, ...]` of these (one or more values), and `T | None` (`none` gives None, but for `str`, where it is text).
Which contradictions a configuration refuses is its own affair: a `ValueError` or `UsageError` out of its
`__post_init__` reaches the user as a sentence.

What it does not do: nested dataclasses, positional arguments, abbreviated flags, values from the environment.
"""

import ast
import dataclasses
import difflib
import inspect
import math
import shutil
import textwrap
import types
import typing
from collections.abc import Collection, Iterable, Sequence
from dataclasses import MISSING, dataclass, fields, is_dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from experiment.errors import UsageError
from experiment.run_directory import replacing

if TYPE_CHECKING:
    import yaml

Config = TypeVar("Config")

_WHAT = {int: "a whole number", float: "a number", str: "text", Path: "a path", bool: "true or false"}
_METAVAR = {int: "N", float: "X", str: "TEXT", Path: "PATH"}


def option(default: Any, group: str, metavar: str | None = None) -> Any:
    """A field of a configuration: its default, the heading of `--help` that it stands under, and how its value is called
    there."""
    metadata = {"group": group} | ({"metavar": metavar} if metavar else {})
    if default == []:
        return dataclasses.field(default_factory=list, metadata=metadata)
    return dataclasses.field(default=default, metadata=metadata)


@dataclass(frozen=True)
class Option:
    """One field of a configuration, as the command line and the file see it."""

    name: str
    kind: type
    """Type of the value, or of one item: int, float, str, bool or Path."""
    choices: tuple[str, ...]
    """Texts allowed (from a `Literal`); empty for any."""
    container: type | None
    """`list` or `tuple` where the field takes several values."""
    optional: bool
    """Whether None is a value."""
    default: Any
    """The default, or `MISSING` where the option must be given."""
    help: str
    group: str
    metavar: str

    @property
    def what(self) -> str:
        """What one value must be, for messages: "a whole number", "one of tiny, mini"."""
        return f"one of {', '.join(self.choices)}" if self.choices else _WHAT[self.kind]

    def item(self, value: object) -> Any:
        """One value out of its text on the command line, or out of the YAML value.

        Raises ValueError where it is none; the caller says where.
        """
        if self.kind is bool:
            if isinstance(value, bool):
                return value
        elif self.kind is int:
            if isinstance(value, int) and not isinstance(value, bool):
                return value
            if isinstance(value, str):
                return int(value)
        elif self.kind is float:
            # YAML 1.1 reads 1e-4 (no dot) as text, so a text is as good as a number.
            if isinstance(value, int | float | str) and not isinstance(value, bool):
                number = float(value)
                if math.isfinite(number):
                    return number
        elif isinstance(value, str) and (not self.choices or value in self.choices):
            return Path(value) if self.kind is Path else value
        raise ValueError

    def value(self, given: object) -> Any:
        """The field's value out of what was given: an item, a list of items, or None.

        A single item may stand for a list of one. Raises ValueError.
        """
        if self.optional and (given is None or (given == "none" and self.kind is not str)):
            return None
        if self.container is None:
            return self.item(given)
        items = given if isinstance(given, list) else [given]
        return self.container(self.item(item) for item in items)


def read_options(config_class: type) -> dict[str, Option]:
    """The options of a configuration class by name, in the order of its fields."""
    hints = typing.get_type_hints(config_class)
    documentation = _field_docstrings(config_class)
    options = {}
    for field in fields(config_class):
        kind, optional = hints[field.name], False
        if typing.get_origin(kind) in (typing.Union, types.UnionType):
            kind, optional = next(t for t in typing.get_args(kind) if t is not type(None)), True
        container = typing.get_origin(kind) if typing.get_origin(kind) in (list, tuple) else None
        if container:
            kind = typing.get_args(kind)[0]
        choices: tuple[str, ...] = ()
        if typing.get_origin(kind) is Literal:
            choices, kind = typing.get_args(kind), str
        if kind not in _WHAT:
            raise TypeError(f"{config_class.__name__}.{field.name}: options do not know the type {hints[field.name]}")
        default = field.default_factory() if field.default_factory is not MISSING else field.default
        options[field.name] = Option(
            name=field.name,
            kind=kind,
            choices=choices,
            container=container,
            optional=optional,
            default=default,
            help=documentation.get(field.name, ""),
            group=field.metadata.get("group", "Options"),
            metavar=field.metadata.get("metavar", "|".join(choices) or _METAVAR.get(kind, "")),
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
    if "-h" in argv or "--help" in argv:
        print(help_text(options, description, epilog))
        raise SystemExit(0)
    given, config_file = _read_flags(options, argv)
    if config_file is not None:
        given = _read_file(options, config_file) | given
    for option in options.values():
        if option.default is MISSING and option.name not in given:
            raise UsageError(f"--{option.name} is needed: {option.what}.")
    try:
        return config_class(**given)
    except ValueError as error:
        raise UsageError(str(error)) from error


def _read_flags(options: dict[str, Option], argv: Sequence[str]) -> tuple[dict[str, Any], Path | None]:
    """The values given on the command line, and the file that `--config` names."""
    given: dict[str, Any] = {}
    config_file = None
    words = list(argv)
    while words:
        word = words.pop(0)
        if not word.startswith("--"):
            raise UsageError(f"'{word}' belongs to no flag; write --name value (see --help).")
        name, equals, inline = word[2:].partition("=")
        values = [inline] if equals else []
        while not equals and words and not words[0].startswith("--"):
            values.append(words.pop(0))
        if name == "config":
            if len(values) != 1:
                raise UsageError("--config needs one file.")
            config_file = Path(values[0])
            continue
        negated = name.startswith("no_") and name not in options and name[3:] in options
        option = options.get(name[3:] if negated else name)
        if option is None or (negated and option.kind is not bool):
            known = ["config", "help", *options, *(f"no_{o.name}" for o in options.values() if o.kind is bool)]
            raise UsageError(f"there is no flag --{name}; {_nearest(name, known, '--')}")
        if option.kind is bool:
            if values:
                raise UsageError(f"--{name} takes no value, but '{values[0]}' follows it.")
            given[option.name] = not negated
        elif not values:
            raise UsageError(f"--{name} needs a value: {option.what}.")
        elif len(values) > 1 and option.container is None:
            raise UsageError(f"--{name} takes one value, but '{values[1]}' follows '{values[0]}'.")
        else:
            try:
                given[option.name] = option.value(values if option.container and len(values) > 1 else values[0])
            except ValueError:
                bad = next(v for v in values if not _fits(option, v))
                raise UsageError(f"--{name} needs {option.what}, not '{bad}'.") from None
    return given, config_file


def flag_value(name: str, argv: Sequence[str]) -> str | None:
    """What a command line, or the file of its `--config`, gives for one flag, before its other flags are known.

    Of help when the flag decides which options there are. Raises UsageError where the file cannot be read.
    """
    found: dict[str, str] = {}
    for place, word in enumerate(argv):
        flag, equals, inline = word.partition("=")
        if flag in (f"--{name}", "--config"):
            found[flag] = inline if equals else "".join(argv[place + 1 : place + 2])
    if f"--{name}" in found or "--config" not in found:
        return found.get(f"--{name}")
    root = OptionFile.open(Path(found["--config"]), "--config").root
    entries = root.value if root is not None and isinstance(root.value, list) else []
    return next((str(value.value) for key, value in entries if key.value == name), None)


@dataclass(frozen=True)
class OptionFile:
    """A YAML file that holds values of options; every mistake in it is reported with its line."""

    path: Path
    root: "yaml.Node | None"
    """None where the file is empty."""

    @classmethod
    def open(cls, path: Path, flag: str) -> "OptionFile":
        """Read a file that `flag` names. Raises UsageError where it cannot be read or is not YAML."""
        import yaml

        try:
            return cls(path, yaml.compose(path.read_text(encoding="utf-8-sig"), Loader=yaml.SafeLoader))
        except OSError as error:
            raise UsageError(f"{flag} {path}: {error.strerror}.") from None
        except UnicodeDecodeError:
            raise UsageError(f"{flag} {path}: not a text file in UTF-8.") from None
        except yaml.MarkedYAMLError as error:
            line = error.problem_mark.line + 1 if error.problem_mark else 1
            raise UsageError(f"{path}:{line}: not YAML: {error.problem}.") from None
        except yaml.YAMLError as error:
            raise UsageError(f"{path}: not YAML: {' '.join(str(error).split())}.") from None

    def where(self, node: "yaml.Node") -> str:
        """The place of a part of the file, for messages: "설정.yaml:3"."""
        return f"{self.path}:{node.start_mark.line + 1}"

    def entries(
        self, node: "yaml.Node", known: Iterable[str], otherwise: str = "see --help."
    ) -> "dict[str, tuple[str, yaml.Node]]":
        """The place and the value of each name in a mapping.

        Raises UsageError where the node is no mapping, where a name is given twice, and where one is not `known`; that
        sentence ends with the nearest known one, or with `otherwise`.
        """
        import yaml

        if not isinstance(node, yaml.MappingNode):
            raise UsageError(f"{self.where(node)}: expected lines of the form 'name: value'.")
        found: dict[str, tuple[str, yaml.Node]] = {}
        names = list(known)
        for key, value in node.value:
            name, where = str(key.value), self.where(key)
            if name not in names:
                raise UsageError(f"{where}: there is no option '{name}'; {_nearest(name, names, otherwise=otherwise)}")
            if name in found:
                raise UsageError(f"{where}: '{name}' is given a second time.")
            found[name] = where, value
        return found

    def items(self, node: "yaml.Node") -> "list[yaml.Node] | None":
        """The items of a list; None where the node is none."""
        import yaml

        return node.value if isinstance(node, yaml.SequenceNode) else None

    def value(self, option: Option, node: "yaml.Node") -> Any:
        """The option's value out of a part of the file. Raises UsageError where it is none."""
        import yaml

        loader = yaml.SafeLoader("")
        items = self.items(node)
        if items is not None and option.container is None:
            raise UsageError(f"{self.where(node)}: {option.name} takes one value, not a list.")
        values = []
        for item in [node] if items is None else items:
            try:
                values.append(_scalar(loader, option, item))
                option.value(values[-1])
            except (ValueError, yaml.YAMLError):
                shown = f"'{item.value}'" if isinstance(item, yaml.ScalarNode) else "a list or mapping"
                raise UsageError(f"{self.where(item)}: {option.name} needs {option.what}, not {shown}.") from None
        return option.value(values[0] if items is None else values)


def _read_file(options: dict[str, Option], path: Path) -> dict[str, Any]:
    """The values given in the file of `--config`."""
    file = OptionFile.open(path, "--config")
    if file.root is None:
        return {}
    return {name: file.value(options[name], node) for name, (_, node) in file.entries(file.root, options).items()}


def _scalar(loader: "yaml.SafeLoader", option: Option, node: "yaml.Node") -> object:
    """The value of a YAML scalar; for text and paths as it is written, so that `name: 2026` or `on` is a text too."""
    value = loader.construct_object(node)
    if option.kind in (str, Path) and value is not None and not isinstance(value, dict | list):
        return node.value
    return value


def _fits(option: Option, text: str) -> bool:
    try:
        option.value(text)
    except ValueError:
        return False
    return True


def _nearest(name: str, known: list[str], prefix: str = "", otherwise: str = "see --help.") -> str:
    """How a sentence about an unknown name ends: with the nearest known one."""
    close = difflib.get_close_matches(name.replace("-", "_"), known, n=1, cutoff=0.5)
    return f"did you mean {prefix}{close[0]}?" if close else otherwise


def help_text(options: dict[str, Option], description: str, epilog: str = "") -> str:
    """The page that `--help` prints, as wide as the terminal but between 72 and 100 columns."""
    width = min(100, max(72, shutil.get_terminal_size().columns))
    indent = 26
    lines = [*textwrap.wrap(description, width), ""]
    groups: dict[str, list[tuple[str, str]]] = {}
    for option in options.values():
        groups.setdefault(option.group, []).append((_flag(option), _describe(option)))
    general = [("--config FILE", "Read options from a YAML file, with the names of these flags; flags win over it.")]
    groups.setdefault("General", []).extend([*general, ("--help", "Show this page.")])
    for group, rows in groups.items():
        lines.append(group)
        for flag, text in rows:
            head = f"  {flag}"
            if len(head) > indent - 2:
                lines.append(head)
                head = ""
            lines += textwrap.wrap(
                text, width, initial_indent=head.ljust(indent), subsequent_indent=" " * indent, break_on_hyphens=False
            ) or [head]
        lines.append("")
    if epilog:
        lines += [line for part in epilog.splitlines() for line in (textwrap.wrap(part, width) or [""])]
    return "\n".join(lines).rstrip()


def _flag(option: Option) -> str:
    if option.kind is bool:
        return f"--[no_]{option.name}"
    return f"--{option.name} {option.metavar}" + (" ..." if option.container else "")


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


def changes_on_resume(saved: Any, given: Any, changeable: Collection[str]) -> dict[str, Any]:
    """What a run that is gone on with is to have otherwise than in the configuration that it was saved with.

    What has its default in `given` counts as not given. Raises UsageError where something else was given than the saved
    configuration has, and it is not among the `changeable` options.
    """
    default = type(given)()
    changes = {name: value for name, value in vars(given).items() if value != getattr(default, name)}
    for name, value in changes.items():
        if name not in changeable and value != getattr(saved, name):
            raise UsageError(
                f"--resume goes on with the run's own configuration, in which {name} is {getattr(saved, name)}; "
                f"leave out --{name}, or start a new run"
            )
    return changes


def as_dict(config: Any) -> dict[str, Any]:
    """The configuration as plain values: paths become text, tuples lists."""

    def plain(value: Any) -> Any:
        if isinstance(value, list | tuple):
            return [plain(item) for item in value]
        return str(value) if isinstance(value, Path) else value

    return {field.name: plain(getattr(config, field.name)) for field in fields(config)}


def write_yaml(config: Any, path: Path) -> None:
    """Write the configuration so that `--config path` repeats it: every field, grouped as in `--help`."""
    import yaml

    values = as_dict(config)
    groups: dict[str, dict[str, Any]] = {}
    for option in read_options(type(config)).values():
        groups.setdefault(option.group, {})[option.name] = values[option.name]
    blocks = (
        f"# {group}\n{yaml.safe_dump(part, allow_unicode=True, sort_keys=False, width=10**6)}"
        for group, part in groups.items()
    )
    with replacing(path) as temporary:
        temporary.write_text("\n".join(blocks), encoding="utf-8")
