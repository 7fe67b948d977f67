"""Cleaning: one form for every character, and the noise of Korean web text taken out, after KcBERT's published recipe.

    raw      화나네요ㅋㅋㅋㅋㅋ 김OO 의원님!!!!! 자세히는https://abc.kr/12에 있습니다.......
    clean    화나네요ㅋㅋ 김 의원님!! 자세히는 에 있습니다..

Two steps, of which fine-tuning shares the first:

- `normalize` writes each character in one way, so that what looks the same is the same. Pretraining and fine-tuning both
  call it before the tokenizer.
- `Cleaning.clean` takes out what a language model should not learn to write: addresses, long runs, masked names, the
  board's notices, foreign scripts. It is for pretraining only, since it drops text that a span of an entity may cover.

KcBERT (Lee, 2020) keeps Hangul, ASCII, punctuation and emoji, removes URLs, shortens runs to two characters and drops short
texts. Here Hanja, accented Latin and the signs of Korean typography (「」 · ㎡ ① ※) stay as well, and runs of digits and of
capital letters are left alone: 1000000 is not 100, and 제III항 is not 제II항.

It does not correct spelling or spacing, fold case, or judge what a text says.
"""

import re
import unicodedata
from dataclasses import dataclass

# ---- one form ----


def _one_form() -> dict[int, str]:
    """The characters that NFC leaves in a second form, for `str.translate`."""
    letters = {unicodedata.name(chr(point)): chr(point) for point in range(0x3131, 0x318F)}
    forms = {}
    for point in (*range(0x1100, 0x1200), *range(0xA960, 0xA97D), *range(0xD7B0, 0xD7FC)):
        name = re.sub("CHOSEONG|JUNGSEONG|JONGSEONG", "LETTER", unicodedata.name(chr(point), ""))
        if name in letters:
            forms[point] = letters[name]
    # Phones type ᆢ for an ellipsis; the other old jamo without a compatibility form are used by no one.
    forms[0x11A2] = "‥"
    for point in range(0xFF01, 0xFFEF):
        narrow = unicodedata.normalize("NFKC", chr(point))
        if len(narrow) == 1 and narrow != chr(point):
            forms[point] = forms.get(ord(narrow), narrow)
    # Fillers: blanks that count as letters. Within a syllable block they hold a place, elsewhere they are typed as a space.
    return forms | {0x115F: "", 0x1160: "", 0x3164: " ", 0xFFA0: " "}


_ONE_FORM = _one_form()
_SECOND_FORM = re.compile(f"[{''.join(map(chr, _ONE_FORM))}]")


def normalize(text: str) -> str:
    """The text in NFC, each jamo and each full-width or half-width character in its one usual form. Idempotent.

    - Decomposed Hangul (ᄒ ᅡ ᆫ, as macOS writes file names) becomes syllables: 한.
    - Jamo outside syllables become compatibility jamo, as keyboards type them: ᄏᄏ (U+110F) → ㅋㅋ (U+314B).
    - Full and half width become the usual width: ＡＢＣ！ → ABC!, ﾡ → ㄱ. Compatibility ideographs are unified by NFC.
    - Hangul fillers become a space (U+3164, U+FFA0) or nothing (U+115F, U+1160).

    Old jamo without a compatibility form, and signs such as ① or ㎡, stay as they are.
    """
    if text.isascii():
        return text
    if not unicodedata.is_normalized("NFC", text):
        text = unicodedata.normalize("NFC", text)
    if _SECOND_FORM.search(text):
        # A full-width letter may now stand before a combining accent that composes with it.
        text = unicodedata.normalize("NFC", text.translate(_ONE_FORM))
    return text


# ---- characters ----

_HANJA = "々〇\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U000323af"
_LATIN = "A-Za-z\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u024f\u1e00-\u1eff"
_PICTURES = "\u2600-\u27bf\u2b00-\u2bff\U0001f000-\U0001faff"
_SIGNS = (
    "\u00a1-\u00ac\u00ae-\u00bf×÷"  # ¿ § ° ± ² · ½ and the currencies of Latin-1
    "\u2010-\u2027\u2030-\u205e"  # dashes, quotes, … ‰ ′ ※
    "\u2070-\u209c\u20a0-\u20c0"  # superscripts and subscripts, currencies
    "\u2100-\u22ff"  # ℃ ℓ № ™, Roman numerals, arrows, mathematics
    "\u0370-\u03ff"  # Greek, for Ω, β, Δ
    "\u2460-\u24ff\u25a0-\u25ff"  # ① ⓐ, ■ ○ ▶
    "\u3001-\u3003\u3008-\u3011\u3014-\u301b〜・"  # 、。 〈〉《》「」『』【】〔〕
    "㈀-㏿⦁⨯"  # ㈜ ㉠ ㎡, two more that petitioners use as · and ×
)
_UNUSUAL = re.compile("[^ -~가-힣ㄱ-ㅣ‘’“”…·]")
"""A first look, four times as fast as what follows: text without any of these is in its one form, and all of it is kept."""

_EVERYTHING_ELSE = {
    hanja: re.compile(f"[^\\s!-~가-힣ㄱ-ㅣㆍ{_LATIN}{_SIGNS}{_PICTURES}\ufe0f\u200d\u20e3{_HANJA if hanja else ''}]+")
    for hanja in (True, False)
}
"""What is outside the languages and signs of Korean text: becomes a space."""

_HANJA_ASIDE = re.compile(rf"\([\s·,]*[{_HANJA}][{_HANJA}\s·,]*\)")

_INVISIBLE = re.compile(
    "[\u00ad\u0300-\u036f\u061c\u180e\u200b\u200c\u200e\u200f\u202a-\u202e\u2060-\u2069\ufe00-\ufe0e\ufeff]+"
)
"""Zero-width marks, direction marks and accents that composed with nothing: they go without leaving a space."""

_JOINERS = re.compile(f"([{_PICTURES}{_SIGNS}0-9#*])?([\ufe0f\u200d\u20e3]+)(?=([{_PICTURES}])?)")


def _kept_joiners(match: re.Match[str]) -> str:
    """Emoji's own glue: U+FE0F after a picture, U+20E3 of a keycap, U+200D between two pictures. Nothing anywhere else."""
    before, joiners, after = match.groups()
    if not before:
        return ""
    variant = "\ufe0f" if "\ufe0f" in joiners else ""
    keycap = "\u20e3" if "\u20e3" in joiners else ""
    joiner = "\u200d" if joiners[-1] == "\u200d" and after and not keycap else ""
    return before + variant + keycap + joiner


# ---- notices, addresses, placeholders ----

_NOTICE = re.compile(r"\[\s*본 게시물의 일부 내용이[^\[\]]{0,80}\]?")

_ADDRESS_CLUE = re.compile(r"[:@w.](?:(?<=:)//|(?<=@)|(?<=w)ww\.|(?<=\.)(?:com|net|org|kr|be|me|ly)(?![a-z]))")
_ADDRESS = re.compile(
    r"""
    (?=[\w.+*-])                                                      # soon done with a Hangul syllable
    (?: (?:https?|ftp)://                                             # a scheme
      | (?<![\w.]) www\.                                              # or www.
      | (?<![\w.+@*-]) (?:[\w*-]+\.)* [\w*-]{2,} \.(?:com|net|org|kr)(?![\w-])    # or a bare domain
      | (?<![\w.+@*-]) [\w*-]+ \.(?:be|me|ly|kr)(?=/)                 # or a shortened link
    )
    (?: [.,:;!?]* [\w/=#&%~+$@*-]+ )*+                                # what follows, but for punctuation at its end
    | (?<![\w.+*-]) [\w.+*-]+ @ [\w*-]+ (?:\.[\w*-]+)++               # or a mail address
    """,
    re.ASCII | re.VERBOSE,
)

_SHAPES = "○◯●◎△▲▽▼□■◇◆"
_PLACEHOLDER_CLUE = re.compile(f"[*OoXxㅇ〇{_SHAPES}]" * 2)  # three times as fast as {2}
_STARS = re.compile(r"[\d*-](?:(?<=\*)\*|[\d-]{0,8}\*\*)[\d*-]*")
_LETTERS = re.compile(r"([OoXxㅇ〇])\1+")
_MASK = f"[{_SHAPES}][{_SHAPES}]+[\ufe0f\u20e3]*"
_PLACEHOLDERS = re.compile(rf"{_MASK}(?:[\s,·/]{{0,3}}{_MASK})*")
_PASSES = 10
"""What a removal brings together may be a mask in its turn (O***OO). Two passes do for anything but a text made to need
more; the bound keeps the time linear for that one."""
_LATIN_OR_DIGIT = re.compile("[A-Za-z0-9]")


def _letters(match: re.Match[str]) -> str:
    """Letters that mask a name become ○○; the same letters in a word stay."""
    text, (start, end), letter = match.string, match.span(), match[1]
    before, after = text[start - 1 : start], text[end : end + 1]
    if letter == "〇":  # 二〇〇〇年
        masks = not ("一" <= before <= "鿿" or "一" <= after <= "鿿")
    elif letter == "ㅇ":  # ㅇㅇ경찰서 and 김ㅇㅇ씨, but 재밌음ㅇㅇ and "ㅇㅇ 맞아" say yes
        surname = "가" <= before <= "힣" and not "가" <= text[start - 2 : start - 1] <= "힣"
        masks = surname or ("가" <= after <= "힣" and not "ㄱ" <= before <= "힣")
    else:  # OOO, but GOOOD; 김XX, but XX 염색체
        inside_word = _LATIN_OR_DIGIT.match(before) or _LATIN_OR_DIGIT.match(after)
        masks = not inside_word and (letter in "Oo" or end - start > 2 or "가" <= before <= "힣")
    return "○○" if masks else match[0]


def _unmasked(match: re.Match[str]) -> str:
    """Nothing for one mask, a space for a list of them."""
    return " " if " " in match[0] else ""


_EMPTY_BRACKETS = re.compile(
    r"\((?:출처|참고|링크)?[\s:,]*\)|\[(?:출처|참고|링크)?[\s:,]*\]|<\s*>|「\s*」|『\s*』|《\s*》|〈\s*〉|‘\s*’|“\s*”|【\s*】"
)

# ---- runs ----

_RUN = re.compile(r"(.)\1\1+")
_EXEMPT = frozenset("〇0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ")
_VARIANTS = ("\ufe0f", *map(chr, range(0x1F3FB, 0x1F400)))
_PICTURE_RUN = re.compile(f"([{_PICTURES}][\ufe0f\U0001f3fb-\U0001f3ff]+)\\1\\1+")


def _shortened(match: re.Match[str]) -> str:
    return match[0] if match[1] in _EXEMPT else match[1] * 2


@dataclass(frozen=True)
class Cleaning:
    """What is taken out of a text for pretraining, rule by rule."""

    urls: bool = True
    """Web and mail addresses go: https://…, www.…, naver.com, also where Hangul follows without a space."""
    repeats: bool = True
    """A run of one character is shortened to two: ㅋㅋㅋㅋ → ㅋㅋ, ..... → .. ; digits and capital letters are exempt."""
    placeholders: bool = True
    """Masks of names and numbers go: OOO, ○○○, △△, 김**, 010-****-****. Ordinary words such as GOOOD and sums such as
    3,000 stay, as do digits used as a mask (00초등학교): they cannot be told from numbers."""
    notices: bool = True
    """The petition board's "[본 게시물의 일부 내용이 국민 청원 요건에 위배되어 관리자에 의해 수정되었습니다]" goes."""
    characters: bool = True
    """Only Hangul, Latin, Greek, digits, the punctuation and signs of Korean text, emoji and Hanja stay; anything else
    (kana, Cyrillic, private use, box drawing) becomes a space, and zero-width marks vanish."""
    hanja: bool = True
    """Hanja stay. Off, they become spaces, and (大韓民國) after its Hangul goes with its brackets; needs `characters`."""
    min_chars: int = 10
    """Sentences with fewer characters are dropped; not by `clean`, but after the text is split (`data.corpus`)."""

    def __post_init__(self) -> None:
        if self.min_chars < 0:
            raise ValueError(f"min_chars is {self.min_chars}; it counts characters, so give 0 or more")
        if not self.hanja and not self.characters:
            raise ValueError("hanja can only be turned off while characters is on")

    def clean(self, text: str) -> str:
        """The text normalised, cleaned, and on one line with single spaces; empty if nothing is left. Idempotent."""
        text = self._fold(text)
        for _ in range(_PASSES):
            kept = self._drop_passages(text)
            if kept == text:
                break
            text = self._fold(kept)
        if self.repeats:
            text = _RUN.sub(_shortened, text)
            if any(variant in text for variant in _VARIANTS):
                text = _PICTURE_RUN.sub(r"\1\1", text)
        return text

    def _fold(self, text: str) -> str:
        if _UNUSUAL.search(text):
            text = normalize(text)
            if self.characters:
                text = self._drop_characters(text)
        elif "  " not in text:
            return text.strip(" ")
        return " ".join(text.split())

    def _drop_characters(self, text: str) -> str:
        text = _INVISIBLE.sub("", text)
        if not self.hanja:
            text = _HANJA_ASIDE.sub("", text)
        text = _EVERYTHING_ELSE[self.hanja].sub(" ", text)
        if "\ufe0f" in text or "\u200d" in text or "\u20e3" in text:
            text = _JOINERS.sub(_kept_joiners, text)
        return text

    def _drop_passages(self, text: str) -> str:
        kept = text
        if self.notices and "본 게시물의" in kept:
            kept = _NOTICE.sub(" ", kept)
        if self.urls and _ADDRESS_CLUE.search(kept):
            kept = _ADDRESS.sub(" ", kept)
        if self.placeholders and _PLACEHOLDER_CLUE.search(kept):
            if "**" in kept:
                kept = _STARS.sub("○○", kept)  # 김**, 010-****-****
            kept = _PLACEHOLDERS.sub(_unmasked, _LETTERS.sub(_letters, kept))
        return kept if kept == text else _EMPTY_BRACKETS.sub("", kept)
