"""Which tokens of a vocabulary stand for the markers of a relation's entities.

The marker before a subject that is an organisation is called SUBJ:ORG, the one after it /SUBJ:ORG. They become

    [SUBJ:ORG] and [/SUBJ:ORG]    in our own vocabularies (typed_entity_marker)
    [unused4] and [unused5]       in another BERT's, which has no such tokens
    @ * 단체 * and @              in either (typed_entity_marker_punct)

The choice is saved with a fine-tuned model, since that has learned what these tokens mean.
"""

import re
from collections.abc import Sequence

from data.errors import DataError
from data.tokenizer import WordPiece, pieces
from finetune.relation.config import MarkerScheme

TYPE_WORDS = {"PER": "사람", "ORG": "단체", "LOC": "장소", "DAT": "날짜", "POH": "기타", "NOH": "수량"}
"""KLUE's entity types in Korean: person, organisation, location, date, other proper noun, number."""

PUNCTUATION = {"SUBJ": ("@", "*"), "OBJ": ("#", "^")}
"""What stands around an entity, and around its type."""

SHOWS_TYPES = {"entity_mask", "typed_entity_marker", "typed_entity_marker_punct"}
"""The other schemes are the same for all types."""

_WITHOUT_TYPES = {"typed_entity_marker": "entity_marker", "typed_entity_marker_punct": "entity_marker_punct"}


def choose_tokens(wordpiece: WordPiece, scheme: MarkerScheme, types: Sequence[str]) -> dict[str, str]:
    """The tokens of each marker, opening (SUBJ:ORG) and closing (/SUBJ:ORG), with spaces between several.

    For a marker or a punctuation mark that the vocabulary lacks, one of its [unused…] tokens stands in, the lowest number
    first: for the markers without a type, then type by type in alphabetical order; the subject's before the object's, and
    the opening one before the closing one. So the same types always get the same tokens.

    Raises:
        DataError: there are no types for a scheme that needs them, too few unused tokens, or none that write a type's word.
    """
    kinds = sorted(set(types)) if scheme in SHOWS_TYPES else []
    if scheme in _WITHOUT_TYPES and not kinds:
        raise DataError(
            f"--markers {scheme} needs entity types, but the training file has none; use --markers {_WITHOUT_TYPES[scheme]}"
        )
    names = [role if kind is None else f"{role}:{kind}" for kind in (None, *kinds) for role in PUNCTUATION]
    match scheme:
        case "none":
            return {}
        case "entity_mask":
            return _present(wordpiece, scheme, {name: f"[{name}]" for name in names})
        case "entity_marker" | "typed_entity_marker":
            both = [f"{slash}{name}" for name in names for slash in ("", "/")]
            return _present(wordpiece, scheme, {name: f"[{name}]" for name in both})
        case "entity_marker_punct" | "typed_entity_marker_punct":
            return _punctuation(wordpiece, scheme, names)


def _present(wordpiece: WordPiece, scheme: str, wanted: dict[str, str]) -> dict[str, str]:
    """The wanted token for each name, or an unused one where the vocabulary lacks it."""
    vocabulary = set(wordpiece.tokens)
    unused = [token for token in vocabulary if re.fullmatch(r"\[unused[0-9]+\]", token)]
    missing = [name for name, token in wanted.items() if token not in vocabulary]
    if len(missing) > len(unused):
        without = ", ".join(missing[len(unused) :])
        other = scheme.removesuffix("_punct") if scheme.endswith("_punct") else "entity_marker_punct"
        raise DataError(
            f"--markers {scheme} needs {len(missing)} tokens that the tokenizer lacks, which has only {len(unused)} [unused…] "
            f"tokens to stand in (none for {without}); use --markers {other}"
        )
    stand_ins = dict(zip(missing, sorted(unused, key=lambda token: int(token[len("[unused") : -1])), strict=False))
    return {name: stand_ins.get(name, token) for name, token in wanted.items()}


def _punctuation(wordpiece: WordPiece, scheme: str, names: list[str]) -> dict[str, str]:
    around = [mark for marks in zip(*PUNCTUATION.values(), strict=True) for mark in marks]  # @ # * ^
    marks = _present(wordpiece, scheme, {mark: mark for mark in (around if scheme in SHOWS_TYPES else around[:2])})
    tokens = {}
    for name in names:
        role, _, kind = name.partition(":")
        entity_mark, type_mark = PUNCTUATION[role]
        tokens[name] = tokens[f"/{name}"] = marks[entity_mark]
        if kind:
            word = _type_word(wordpiece, scheme, kind)
            tokens[name] += f" {marks[type_mark]} {word} {marks[type_mark]}"
    return tokens


def _type_word(wordpiece: WordPiece, scheme: str, kind: str) -> str:
    """The tokens of a type's Korean word; of its name, if it has none or the vocabulary cannot write it."""
    for ids in wordpiece.encode([TYPE_WORDS.get(kind, kind), kind]):
        if ids and wordpiece.id_of("[UNK]") not in ids:
            return " ".join(pieces(wordpiece, ids))
    raise DataError(
        f"--markers {scheme} cannot write the entity type {kind} with this tokenizer; use --markers "
        f"{scheme.removesuffix('_punct')}"
    )
