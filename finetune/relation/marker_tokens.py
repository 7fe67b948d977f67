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

    Where a vocabulary has no token of a marker's name, its [unused…] tokens stand in, the lowest number first: for the
    markers without a type, then type by type in alphabetical order; the subject's before the object's, and the opening
    one before the closing one. So the same types always get the same tokens.

    Raises:
        DataError: there are no types, too few free tokens, or no token for a punctuation mark or the word of a type.
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
            return _marker_tokens(wordpiece, scheme, names)
        case "entity_marker" | "typed_entity_marker":
            return _marker_tokens(wordpiece, scheme, [f"{slash}{name}" for name in names for slash in ("", "/")])
        case "entity_marker_punct" | "typed_entity_marker_punct":
            return _punctuation_tokens(wordpiece, scheme, names)


def _marker_tokens(wordpiece: WordPiece, scheme: str, names: list[str]) -> dict[str, str]:
    vocabulary = set(wordpiece.tokens)
    unused = [token for token in vocabulary if re.fullmatch(r"\[unused[0-9]+\]", token)]
    missing = [name for name in names if f"[{name}]" not in vocabulary]
    if len(missing) > len(unused):
        types = sorted({name.partition(":")[2] for name in missing[len(unused) :]} - {""})
        raise DataError(
            f"--markers {scheme} needs {len(missing)} more tokens than the tokenizer has markers, but only {len(unused)} of "
            f"its [unused…] tokens are free (none left for {', '.join(types) or 'any'}); use --markers entity_marker_punct"
        )
    substitutes = dict(zip(missing, sorted(unused, key=lambda token: int(token[len("[unused") : -1])), strict=False))
    return {name: substitutes.get(name, f"[{name}]") for name in names}


def _punctuation_tokens(wordpiece: WordPiece, scheme: str, names: list[str]) -> dict[str, str]:
    tokens = {}
    for name in names:
        role, _, kind = name.partition(":")
        outer, inner = PUNCTUATION[role]
        for character in (outer, inner) if kind else outer:
            if wordpiece.tokenizer.token_to_id(character) is None:
                raise DataError(
                    f"--markers {scheme} writes {character}, for which the tokenizer has no token; use --markers "
                    f"{scheme.removesuffix('_punct')}"
                )
        tokens[name] = f"{outer} {inner} {_type_tokens(wordpiece, scheme, kind)} {inner}" if kind else outer
        tokens[f"/{name}"] = outer
    return tokens


def _type_tokens(wordpiece: WordPiece, scheme: str, kind: str) -> str:
    """The tokens of a type's Korean word, or of its own name where it has none or the vocabulary cannot write it."""
    for ids in wordpiece.encode([TYPE_WORDS.get(kind, kind), kind]):
        if ids and wordpiece.id_of("[UNK]") not in ids:
            return " ".join(pieces(wordpiece, ids))
    raise DataError(
        f"--markers {scheme} cannot write the entity type {kind} with this tokenizer; use --markers "
        f"{scheme.removesuffix('_punct')}"
    )
