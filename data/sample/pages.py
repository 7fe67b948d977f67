"""Invented wiki pages about the entities of `data.sample.lexicon`, in the plain style that such pages have.

A page tells what the lexicon knows of its subject (when and where somebody was born, who founded what), and goes on with what fits
the subject's kind, section by section and year by year:

    명누봄은 대한민국의 조경가다. 1969년 12월 16일 안개벌구에서 태어났다. … 1998년 설계 사무소를 차렸다. 2004년에는 …

The facts of one page agree with those of the others. What is told beyond the lexicon is chosen for this page alone.
"""

import random
from collections.abc import Callable, Mapping, Sequence

from data.sample.grammar import WRITTEN, Composer, likely_first
from data.sample.lexicon import Event, Lexicon, Organisation, Person, Place, Work, korean_date
from data.sample.names import roots
from data.sample.vocabulary import Blocks, read_words

Entity = Person | Organisation | Place | Work | Event

_SCHOOLS = dict.fromkeys(("초등학교", "중학교", "고등학교"), "학교")
_BLOCK = {**_SCHOOLS, **dict.fromkeys("시군구", "시군구"), "도서관": "문화시설", "박물관": "문화시설"}
"""The block of words for a kind that shares it with others; any other kind has a block of its own name, or no page."""

_NOUN = {"시": "도시", "군": "고장", "구": "자치구"}
_NATURE = {"시", "군", "구", "산", "강", "섬"}
_ACTS = ("발단", "전개", "위기", "결말")
_PLOTS = ("추리", "성장", "모험", "가족", "우주")


class _Page:
    """The sections of one page as they grow; a sentence that asks for a fact that the subject lacks is left out."""

    def __init__(self, rng: random.Random, slots: dict[str, str], lists: dict[str, list[str]], past: bool = False):
        self.rng = rng
        self.slots = slots
        self.composer = Composer(rng, slots, lists, {**WRITTEN, "시제": ("었다",) if past else ("ㄴ다",)})
        self.sections: list[tuple[str, list[str]]] = []

    def sentence(self, wordings: str) -> str | None:
        possible = [wording for wording in wordings.split(" // ") if self.composer.can_write(wording)]
        return self.composer.write(likely_first(self.rng, possible)) if possible else None

    def add(self, heading: str, frames: Sequence[str], keep: float = 1.0) -> None:
        """A section of running text: the first frame, and of the others as many as chance keeps."""
        frames = [frame for number, frame in enumerate(frames) if number == 0 or self.rng.random() < keep]
        self.add_lines(heading, self.paragraphs([sentence for frame in frames if (sentence := self.sentence(frame))]))

    def add_history(self, heading: str, events: list[str], first: int, last: int) -> None:
        """Events in the order in which they are listed, the first of them always and in the year `first`."""
        count = min(self.rng.randint(4, 8), len(events), last - first)
        if count < 2:
            return
        chosen = [0, *sorted(self.rng.sample(range(1, len(events)), count - 1))]
        sentences = []
        years = [first, *sorted(self.rng.sample(range(first + 1, last + 1), count - 1))]
        for number, year in zip(chosen, years, strict=True):
            self.slots["해"] = str(year)
            wordings = _frames("모두")["역사"]
            wording = likely_first(self.rng, wordings[:3] if number == 0 else wordings)
            sentences.append(self.composer.write(wording.replace("{사건", "{" + events[number])))
        self.add_lines(heading, self.paragraphs(sentences))

    def add_lines(self, heading: str, lines: list[str]) -> None:
        if lines:
            self.sections.append((heading, lines))

    def paragraphs(self, sentences: list[str]) -> list[str]:
        """The sentences in lines of one to three, as wiki pages break them."""
        lines, rest = [], list(sentences)
        while rest:
            size = self.rng.randint(1, 3)
            lines.append(" ".join(rest[:size]))
            rest = rest[size:]
        return lines


def write_page(rng: random.Random, lexicon: Lexicon, subject: Entity) -> str:
    """The page of one entity of the lexicon in namuwikitext's layout, with a blank line at its end."""
    page = _WRITERS[type(subject)](rng, lexicon, subject)
    opening, *others = page.sections
    kept = sorted(rng.sample(range(len(others)), min(len(others), rng.randint(2, 5))))
    parts = [f" = {subject.name} ="]
    for heading, lines in [opening, *(others[number] for number in kept)]:
        parts += [f" = = {heading} = =", "\n".join(lines)]
    return "\n\n".join(parts) + "\n\n"


def subjects(lexicon: Lexicon) -> list[Entity]:
    """The entities that there are words enough for to fill a page."""
    placed: list[Organisation | Place] = [*lexicon.organisations, *lexicon.places]
    covered = [entity for entity in placed if _block_of(entity.kind) in _words()]
    return [*lexicon.persons, *covered, *lexicon.works, *lexicon.events]


def _words() -> Blocks:
    """What is said of each kind of subject."""
    return read_words("page_subjects_people") | read_words("page_subjects_world")


def _frames(subject: str) -> dict[str, list[str]]:
    """The sentences of each section, in several wordings divided by " // ", in the order in which a page tells them."""
    return read_words("page_frames")[subject]


def _block_of(kind: str) -> str:
    return _BLOCK.get(kind, kind)


def _person(rng: random.Random, lexicon: Lexicon, person: Person) -> _Page:
    words = _words()[person.occupation]
    facts = {
        "이름": person.name,
        "나라": person.country,
        "직함": person.title,
        "생일": korean_date(person.born),
        "출생지": person.birthplace.name,
        "별호": person.alias,
        "소속": person.employer.name,
        "학교": person.school.name,
        "종교": person.religion,
        "사는곳": None if person.died else person.residence.name,
        "아버지": _of(person.father, "name"),
        "아버지직함": _of(person.father, "title"),
        "어머니": _of(person.mother, "name"),
        "할아버지": next((elder.name for elder in person.grandparents), None),
        "동생": person.siblings[-1].name if person.siblings else None,
        "동생직함": person.siblings[-1].title if person.siblings else None,
        "배우자": _of(person.spouse, "name"),
        "배우자직함": _of(person.spouse, "title"),
        "자녀": ", ".join(child.name for child in person.children) or None,
        "동료": person.colleagues[0].name if person.colleagues else None,
        "사망일": korean_date(person.died) if person.died else None,
        "사망지": _of(person.deathplace, "name"),
        "향년": str(person.died.year - person.born.year) if person.died else None,
    }
    page = _Page(rng, _known(facts), {**words, "여담": _words()["누구나"]["여담"]}, past=person.died is not None)
    page.add("개요", _frames("사람")["개요"], keep=0.85)
    page.add("생애", _frames("사람")["생애"], keep=0.8)
    start = person.born.year + (19 if person.occupation.endswith("선수") else 25) + rng.randint(0, 4)
    end = min(start + (18 if person.occupation.endswith("선수") else 40), person.died.year if person.died else 2019)
    page.add_history("선수 경력" if person.occupation.endswith("선수") else "활동", words["활동"], start, end)
    page.add_lines("작품", [f"《{work.title}》 ({work.released.year}년, {work.kind})" for work in person.works])
    page.add("특징과 평가", _frames("사람")["특징"])
    page.add("여담", _frames("사람")["여담"], keep=0.8)
    return page


def _organisation(rng: random.Random, lexicon: Lexicon, subject: Organisation) -> _Page:
    words = _words()[_block_of(subject.kind)]
    people = [person for person in lexicon.persons if subject in (person.employer, person.school)]
    rng.shuffle(people)
    facts = {
        "이름": subject.name,
        "종류": subject.kind,
        "소재지": subject.location.full_name,
        "약칭": subject.alias,
        "설립일": korean_date(subject.founded),
        "설립자": _of(subject.founder, "name"),
        "대표직": subject.head.title if subject.head and subject.kind == "종교단체" else "대표",
        "대표": None if subject.dissolved or subject.head is None else subject.head.name,
        "직원": str(subject.employees),
        "이념": subject.affiliation,
        "상위": _of(subject.parent, "name"),
        "해산일": korean_date(subject.dissolved) if subject.dissolved else None,
        **{f"제품{number}": product for number, product in enumerate(subject.products, 1)},
        **{f"인물{number}": person.name for number, person in enumerate(people[:2], 1)},
        "인물직함": people[0].title if people else None,
    }
    page = _Page(rng, _known(facts), words)
    page.add("개요", _frames("단체")["개요"], keep=0.85)
    page.add_history("역사", words["연혁"], subject.founded.year, subject.dissolved.year if subject.dissolved else 2019)
    page.add("특징", _frames("단체")["특징"])
    page.add("제품", _frames("단체")["제품"])
    page.add("행사", _frames("단체")["행사"], keep=0.8)
    page.add("인물", _frames("단체")["인물"], keep=0.8)
    if subject.members:
        page.add_lines("회원 단체", [member.name for member in subject.members])
    return page


def _work(rng: random.Random, lexicon: Lexicon, work: Work) -> _Page:
    words = _words()
    plot = words["줄거리 " + rng.choice(_PLOTS)]
    others = [other.title for other in work.creator.works if other is not work]
    facts = {
        "이름": work.title,
        "지은이": work.creator.name,
        "지은이직함": work.creator.title,
        "고향": work.creator.birthplace.name,
        "발표일": korean_date(work.released),
        "발행처": work.publisher.name,
        "다른작품": rng.choice(others) if others else None,
        "주인공": rng.choice(lexicon.persons).name[-2:],
        "상대": rng.choice(plot["인물"]),
        "무대": rng.choice(plot["무대"]),
    }
    page = _Page(rng, _known(facts), {**words[work.kind], **words["등장인물"]})
    page.add("개요", _frames("작품")["개요"], keep=0.9)
    if "주제" not in words[work.kind]:
        twice = rng.choice(("전개", "위기"))
        scenes = [scene for step in _ACTS for scene in rng.sample(plot[step], 2 if step == twice else 1)]
        page.add_lines("줄거리", page.paragraphs([page.composer.write("{" + scene + "+평서}.") for scene in scenes]))
        page.add_lines("등장인물", [page.composer.write(frame) for frame in _frames("작품")["등장인물"]])
    page.add("제작", _frames("작품")["제작"], keep=0.8)
    page.add("반응", _frames("작품")["반응"], keep=0.8)
    page.add("여담", _frames("작품")["여담"])
    return page


def _place(rng: random.Random, lexicon: Lexicon, place: Place) -> _Page:
    words = _words()[_block_of(place.kind)]
    sites = [other for other in lexicon.places if other.kind not in _NOUN and other is not place]
    near = [other.name for other in sites if other.district is place.district]
    facts = {
        "이름": place.name,
        "종류": _NOUN.get(place.kind, place.kind),
        "상위": place.parent.full_name if place.parent else "대한민국",
        "이웃": rng.choice(near) if near else None,
        "옛이름": rng.choice(roots()),
        "교통수단": rng.choice(_frames("장소")["교통수단"]),
    }
    page = _Page(rng, _known(facts), words)
    page.add("개요", _frames("장소")["개요"], keep=0.8)
    page.add_history("역사", words["연혁"], rng.randint(1912, 1960), 2019)
    page.add("지리" if place.kind in _NATURE else "시설", _frames("장소")["지리"])
    page.add("산업" if place.kind in _NATURE else "즐길 거리", _frames("장소")["생활"])
    page.add("교통", _frames("장소")["교통"])
    return page


def _event(rng: random.Random, lexicon: Lexicon, event: Event) -> _Page:
    words = _words()["축제"]
    facts = {
        "이름": event.name,
        "지역": event.location.full_name,
        "달": str(event.first_held.month),
        "주제": event.theme,
        "주최": event.host.name,
        "첫개최일": korean_date(event.first_held),
    }
    page = _Page(rng, _known(facts), words)
    page.add("개요", _frames("축제")["개요"])
    page.add_history("역사", words["연혁"], event.first_held.year, 2019)
    page.add("행사", _frames("축제")["행사"])
    page.add("특징", _frames("축제")["특징"])
    return page


def _of(entity: Person | Organisation | Place | None, attribute: str) -> str | None:
    return getattr(entity, attribute) if entity else None


def _known(facts: Mapping[str, str | None]) -> dict[str, str]:
    return {name: fact for name, fact in facts.items() if fact}


_WRITERS: dict[type, Callable[..., _Page]] = {
    Person: _person,
    Organisation: _organisation,
    Work: _work,
    Place: _place,
    Event: _event,
}
