"""One option, and the YAML files that hold values of options: what `--config` and `--sweep` read.

PyYAML tells what stands where in a file; a value is read out of its text, by the same rules as on the command line. So
`1e-4` is a number, `name: 2026` and `preset: no` are texts, `010` is ten, and every mistake is one sentence with its file
and line.
"""

import difflib
import math
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from experiment.errors import UsageError

if TYPE_CHECKING:  # yaml waits until there is a file, so that `--help` answers at once
    import yaml

KINDS = {int: "a whole number", float: "a number", str: "text", Path: "a path", bool: "true or false"}
"""The types that a value can have, and what messages call them."""
_TRUTH = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}
"""As YAML 1.1 spells it."""
_YAML = "tag:yaml.org,2002:"
_DEEPEST = 10
"""Lists within lists: more than any option has, and less than Python can follow."""


@dataclass(frozen=True)
class Option:
    """One field of a configuration, as the command line and the file see it."""

    name: str
    kind: type
    """Type of the value, or of one item: int, float, str, bool or Path."""
    choices: tuple[str, ...] = ()
    """Texts allowed (from a `Literal`); empty for any."""
    container: type | None = None
    """`list` or `tuple` where the field takes several values."""
    optional: bool = False
    """Whether None is a value."""
    default: Any = None
    """The default, or `MISSING` where the option must be given."""
    help: str = ""
    group: str = "General"
    metavar: str = ""
    before: Any = None
    """What kept configurations mean that do not have it."""

    @property
    def what(self) -> str:
        """What one value must be, for messages: "a whole number", "one of tiny, mini"."""
        return f"one of {', '.join(self.choices)}" if self.choices else KINDS[self.kind]

    def item(self, text: str) -> Any:
        """One value out of its text, whether that stands on the command line or in a file.

        Numbers are what Python takes for one: 2_048 and １２ are, 1e3 is no whole number. Raises ValueError, which says
        what is needed instead.
        """
        if self.optional and text == "none" and self.kind is not str:
            return None
        try:
            value = _TRUTH[text.lower()] if self.kind is bool else self.kind(text)
        except (ValueError, KeyError):
            raise ValueError(self.what) from None
        if self.choices and value not in self.choices:
            raise ValueError(self.what)
        if self.kind is int and abs(value) >= 2**63:
            raise ValueError("a whole number below 2^63")
        if self.kind is float and not math.isfinite(value):
            raise ValueError("a finite number")
        if "\0" in text:
            raise ValueError(f"{self.what} without the character NUL")
        return value

    def of_flag(self, text: str) -> Any:
        """One value out of its text on the command line. Raises UsageError."""
        try:
            return self.item(text)
        except ValueError as error:
            raise UsageError(f"--{self.name} needs {error}, not '{text}'.") from None


@dataclass(frozen=True)
class OptionFile:
    """A YAML file; every mistake in it is reported with its line."""

    path: Path
    root: "yaml.Node | None"
    """None where the file is empty."""

    @classmethod
    def open(cls, path: Path, flag: str) -> "OptionFile":
        """Read a file that `flag` names. Raises UsageError where it cannot be read or is not YAML."""
        import yaml

        try:
            text = path.read_bytes().decode("utf-8-sig")
            line, depth = 1, 0
            for event in yaml.parse(text, Loader=yaml.SafeLoader):
                depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
                if event.end_mark:
                    line = event.end_mark.line + 1
                if depth > _DEEPEST:
                    raise UsageError(f"{path}:{line}: a list or mapping that lies too deep for any option.")
            return cls(path, yaml.compose(text, Loader=yaml.SafeLoader))
        except OSError as error:
            raise UsageError(f"{flag} {path}: {error.strerror}.") from None
        except UnicodeDecodeError as error:
            line = error.object[: error.start].count(b"\n") + 1
            raise UsageError(f"{path}:{line}: not text in UTF-8; save the file in that encoding.") from None
        except yaml.reader.ReaderError as error:
            line = text.count("\n", 0, error.position) + 1
            raise UsageError(
                f"{path}:{line}: a character that YAML does not allow: {chr(error.character)!a}."
            ) from None
        except yaml.MarkedYAMLError as error:
            line = error.problem_mark.line + 1 if error.problem_mark else 1
            problem = ", ".join(part for part in (error.context, error.problem) if part)
            raise UsageError(f"{path}:{line}: not YAML: {problem}.") from None
        except (ValueError, OverflowError) as error:  # an escape such as "\Uffffffff", which PyYAML lets pass
            raise UsageError(f"{path}:{line}: not YAML: {error}.") from None

    def where(self, node: "yaml.Node") -> str:
        """The place of a part of the file, for messages: "설정.yaml:3"."""
        return f"{self.path}:{node.start_mark.line + 1}"

    def entries(
        self, node: "yaml.Node", known: Iterable[str], otherwise: str = "see --help."
    ) -> "dict[str, tuple[str, yaml.Node]]":
        """The place and the value of each name in a mapping.

        Raises UsageError where the node is no mapping of names, where a name is given twice, and where one is not
        `known`; that sentence ends with the nearest known one, or with `otherwise`.
        """
        found: dict[str, tuple[str, yaml.Node]] = {}
        names = list(known)
        for key, value in self.mapping(node):
            where = self.where(key)
            if key.value not in names:
                raise UsageError(
                    f"{where}: there is no option '{key.value}'; {nearest(key.value, names, '', otherwise)}"
                )
            if key.value in found:
                raise UsageError(f"{where}: '{key.value}' is given a second time.")
            found[key.value] = where, value
        return found

    def mapping(self, node: "yaml.Node") -> "list[tuple[yaml.ScalarNode, yaml.Node]]":
        """The names and values of a mapping, as they stand. Raises UsageError where the node is no mapping of names."""
        import yaml

        if not isinstance(node, yaml.MappingNode):
            raise UsageError(f"{self.where(node)}: expected lines of the form 'name: value'.")
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise UsageError(f"{self.where(key)}: expected a name, not a list or mapping, in 'name: value'.")
        return node.value

    def items(self, node: "yaml.Node") -> "list[yaml.Node] | None":
        """The items of a list; None where the node is none."""
        import yaml

        return node.value if isinstance(node, yaml.SequenceNode) else None

    def value(self, option: Option, node: "yaml.Node") -> Any:
        """The option's value out of a part of the file. Raises UsageError where it is none."""
        items = self.items(node)
        if items is not None and option.container is None:
            raise UsageError(f"{self.where(node)}: {option.name} takes one value, not a list.")
        if option.optional and node.tag == f"{_YAML}null":
            return None
        values = [self._item(option, item) for item in ([node] if items is None else items)]
        return option.container(values) if option.container else values[0]

    def _item(self, option: Option, node: "yaml.Node") -> Any:
        """One value. Raises UsageError where it is none."""
        import yaml

        if not isinstance(node, yaml.ScalarNode):
            raise UsageError(f"{self.where(node)}: {option.name} needs {option.what}, not a list or mapping.")
        plain = node.style is None
        if node.tag not in (
            f"{_YAML}str",
            yaml.SafeLoader("").resolve(yaml.ScalarNode, node.value, (plain, not plain)),
        ):
            tag = node.tag.replace(_YAML, "!!")
            raise UsageError(f"{self.where(node)}: {option.name} needs {option.what}, without a type such as {tag}.")
        try:
            if node.tag == f"{_YAML}null":
                raise ValueError(option.what)
            return option.item(node.value)
        except ValueError as error:
            shown = f"'{node.value}'" if node.value else "nothing"
            raise UsageError(f"{self.where(node)}: {option.name} needs {error}, not {shown}.") from None


def nearest(name: str, known: Iterable[str], prefix: str = "", otherwise: str = "see --help.") -> str:
    """How a sentence about an unknown name ends: with the nearest known one."""
    close = difflib.get_close_matches(name.replace("-", "_"), known, n=1, cutoff=0.5)
    return f"did you mean {prefix}{close[0]}?" if close else otherwise
