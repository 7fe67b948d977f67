"""Sentences: Korean running text cut where an editor would put a full stop, in time linear in its length.

    안녕하세요 저는 학생입니다.그런데 급식이 3.5% 올랐다네요!!제발 도와주세요ㅠㅠ "힘들다."고 합니다

    안녕하세요
    저는 학생입니다.
    그런데 급식이 3.5% 올랐다네요!!
    제발 도와주세요ㅠㅠ
    "힘들다."고 합니다
"""

import re

LONGEST = 1000
"""Characters; what is still longer after splitting is cut at a space, or inside a word where there is none."""

_MARKS = ".!?…‥。"
_BULLETS = "①-⑳⑴-⑽❶-❿⓵-⓾㉠-㉭■□●○◆◇▶▷▲△►•◦❍※☞"
_WITH_FINAL = {final: "".join(chr(ord(final) + 28 * i) for i in range(399)) for final in "갑간갔값갆같갚"}
"""Every syllable with the same final consonant. ㅂ: 습니다 and 합니까 end a sentence, 하니까 need not."""
_PLAIN = "".join(_WITH_FINAL[final] for final in "간갔값갆같갚") + "이하되니"
"""한다, 했다, 없다, 많다, 같다, 싶다, 이다; but 다 alone, 보다, 마다, 바다."""
_BEFORE_YO = "세해어아에예네군나까데든구고라대래게걸줘돼되여워셔봐와져켜려뻐빠니지죠텐뇨"
"""도와주세요, 없네요, 맞나요; but 필요, 중요, 수요 are nouns."""

_TAIL = (
    rf"(?:[ ]?[{_MARKS}~^;ㅋㅎㅠㅜ♡♥☆★\u263a\ufe0f\U0001f300-\U0001faff]|,(?=,)|(?<=,),)*+"  # !! ㅠㅠ .. ^^
    r"[)\]\"'”’」』》〉]*+(?:\([^()]{1,100}\))?"  # closing quotes, and an aside that follows at once
)
_CLUE = re.compile(
    rf"""
    [{_MARKS}다까요죠오쇼여ㅋㅎㅠㅜ"“'‘「『(\[0-9{_BULLETS}]
    (?: (?<=[{_MARKS}]) (?P<mark>{_TAIL})
      | (?<=[{_WITH_FINAL["갑"]}]니[다까]) (?P<formal>{_TAIL})
      | (?: (?<=[{_BEFORE_YO}]요) | (?<=[인는은던한]가요) | (?<=죠) | (?<=시[오요]) | (?<=십쇼) | (?<=[어해세네에]여) )
        (?P<polite>{_TAIL})
      | (?<=[{_PLAIN}]다) (?P<plain>{_TAIL})
      | (?<=[ㅋㅎㅠㅜ]) (?P<mood>{_TAIL})
      | (?<=") (?<!\S") (?!\s) [^"]{{1,200}} " (?=[가-힣]|\s[라이]라)
      | (?<=“) [^“”]{{1,200}} ” (?=[가-힣]|\s[라이]라)
      | (?<=') (?<!\S') (?!\s) [^']{{1,100}} ' (?=[가-힣]|\s[라이]라)
      | (?<=‘) [^‘’]{{1,100}} ’ | (?<=「) [^「」]{{1,100}} 」 | (?<=『) [^『』]{{1,100}} 』
      | (?:(?<=\() [^()]{{0,200}} | (?<=\[) [^\[\]]{{0,200}}) (?P<aside>[)\]])
      | (?<=[0-9]) (?<!\S[0-9]) [0-9]? (?P<number>[.)]) (?=\s?[^\s0-9.,)])
      | (?<=[{_BULLETS}]) (?<!\S[{_BULLETS}]) (?P<bullet>(?![{_BULLETS}]))
    )
    """,
    re.VERBOSE,
)

_REPORTED = "라고|라는|라며|라면서|라면|라|란|이라고|이라는|이라며|이라면서|이라면|이란|만|하고|하며|하는|하면서|하면|하니|하더니|했더니"
_GOES_ON = re.compile(rf"\s+(?:{_REPORTED})(?![가-힣])")
"""The next word takes the sentence up: "…합니다 라고 했다"."""
_GOES_ON_AFTER_QUOTE = re.compile(rf"\s+(?:{_REPORTED}|은|는|을|를|의|에|와|과|도|고|며|로|으로|이|가)(?![가-힣])|\s+(?:들[과은이을의도]|이었|였)")
_GOES_ON_GLUED = re.compile(r"만(?!약|일)|라고|라는|라며|라면|라도|하고|하는|지만|마는|이라|(?:요|고|며|면|란|[은는을를에의도이가로])(?![가-힣])")
_GOES_ON_PLAIN = re.compile(
    rf"\s+(?:{_REPORTED}|해서|해도|하여|하더라도|할|한|한다|한들|함|등|외에?|뿐|말|치고|치면|보니|보면|봐도|못해|말았|더라|고|며|는)(?![가-힣])"
    r"|\s+(?:했|합니|싶|생각|판단|여기|칭하|느[끼꼈]|들[었은]|말하)"
)
_CLOSING = frozenset(")]\"'”’」』》〉")
_OPENS = re.compile(
    r"\s*(?:그러나|하지만|그런데|근데|그리고|그래서|따라서|그러므로|그러니|그렇지만|그럼에도|그렇다면|또한?|즉|특히|만약|만일|다만|게다가"
    r"|더구나|더불어|아울러|이에|이로|이는|이런|이러한|이렇게|이것은|저는?|제가|저희|나는|내가|우리|왜|제발|부디|도대체|과연|물론|첫째|둘째|셋째"
    r"|부탁|감사|안녕|존경하는|대통령님)(?![은을의])"
)
"""Words that open a sentence, so that the plain ending before them closes one."""

_FINAL = frozenset("다요죠까오음함됨임네지자라냐군쇼여")
"""Syllables that a sentence ends in, where full stops are also written like commas: 합니다.그런데, but 공연.연출.진행."""
_WHOLE = frozenset("끝네예음함임큼뿐")
"""Sentences of one syllable; any other one before a full stop is a heading (가.) or a list (중. 소)."""
_UNFINISHED = frozenset("고며면서만데도로에을를은는의와과려러즉님")
_UNFINISHED_ENDS = frozenset(
    "지만 는데 은데 한데 인데 던데 면서 하고 이고 되고 있고 없고 하며 이며 되며 으로 에서 에게 부터 해서 어서 아서 던가 든가 던지 든지 거나"
    " 하여 위해 대해 통해".split()
)
"""Particles and connectives: a full stop or an ellipsis after them only pauses."""


def split_sentences(text: str) -> list[str]:
    """The sentences of one paragraph, without the white space around them; every other character is kept, in order.

    Nothing longer than `LONGEST` is returned, and nothing empty. Line breaks count as spaces.
    """
    starts, expected = [0], 1
    plain_text = "니다" not in text and "요" not in text
    for clue in _CLUE.finditer(text):
        kind = clue.lastgroup
        if kind is None:  # a quotation, or an ending that goes on
            continue
        cut = clue.end()
        if kind == "number":  # 1. 2) 3.
            number = int(text[clue.start() : clue.start("number")])
            if number not in (1, expected):
                continue
            expected, cut = number + 1, clue.start()
            if _is_unfinished(text, cut):
                continue
        elif kind == "bullet":
            if _is_unfinished(text, clue.start()):
                continue
            cut = clue.start()
        elif not _ends(text, clue, kind, plain_text):
            continue
        if not _WORDLESS.fullmatch(text, starts[-1], cut):
            starts.append(cut)
    if len(starts) > 1 and _WORDLESS.fullmatch(text, starts[-1]):
        starts.pop()
    sentences = []
    for start, end in zip(starts, [*starts[1:], len(text)], strict=True):
        sentence = text[start:end].strip()
        while len(sentence) > LONGEST:
            cut = sentence.rfind(" ", LONGEST // 2, LONGEST + 1)
            cut = cut if cut > 0 else LONGEST
            sentences.append(sentence[:cut].rstrip())
            sentence = sentence[cut:].lstrip()
        if sentence:
            sentences.append(sentence)
    return sentences


_WORDLESS = re.compile(r"[\W_]*")


def _is_unfinished(text: str, position: int) -> bool:
    """Whether what stands before a list item leaves the sentence open: 다음과 같이 1. …, ② after a comma."""
    before = text[max(0, position - 3) : position].rstrip()[-1:]
    return before in _UNFINISHED or before in {",", ":", "(", "제", "약"}


def _ends(text: str, clue: re.Match[str], kind: str, plain_text: bool) -> bool:
    """Whether a sentence ends where an ending and its punctuation do."""
    start, end = clue.span()
    following = text[end : end + 1]
    if not following:
        return False
    decorated = end > start + 1
    spaced = following.isspace()
    quoted = text[end - 1] in _CLOSING
    if spaced:
        if (_GOES_ON_AFTER_QUOTE if quoted or text[start] in "!?" else _GOES_ON).match(text, end):
            return False
    elif quoted or not ("가" <= following <= "힣" or following in "\"“‘'([<「『《〈【" or following.isalnum()):
        return False
    glued_on = not spaced and _GOES_ON_GLUED.match(text, end) is not None
    if kind == "formal":
        return not glued_on
    if kind == "polite":
        return spaced or (decorated and not glued_on) or _OPENS.match(text, end) is not None
    if kind == "plain":
        if decorated or not spaced:
            return decorated and not glued_on
        return _OPENS.match(text, end) is not None or (plain_text and _GOES_ON_PLAIN.match(text, end) is None)
    if kind == "mood":
        return spaced and text[start - 1 : start] in _FINAL
    if kind == "aside":
        return spaced and text[end - 2] in _MARKS
    return _ends_at_mark(text, start, end, spaced)


def _ends_at_mark(text: str, start: int, end: int, spaced: bool) -> bool:
    """Whether punctuation that follows no sure ending closes a sentence."""
    word = text[max(0, start - 4) : start].rstrip()
    last = word[-1:]
    if text[start] in "!?":
        return last != "(" and (spaced or not _GOES_ON_GLUED.match(text, end))
    if not last or last.isdigit():  # 3.14, 2019.5.1, 1.
        return False
    if not "가" <= last <= "힣":
        return spaced and not (last.isascii() and last.isalpha() and not (len(word) == 4 and word.isalpha()))
    if word[-2:] in _UNFINISHED_ENDS:
        return False
    if not spaced:
        return last in _FINAL and not _GOES_ON_GLUED.match(text, end)
    if end > start + 1 or text[start] in "…‥":
        return last not in _UNFINISHED
    return last in _WHOLE or len(word) > 1 and not word[-2].isspace()
