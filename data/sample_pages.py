"""Invented wiki pages about the entities of `data.lexicon`, in the plain style that such pages have.

A page tells what the lexicon knows of its subject (when and where somebody was born, who founded what), and goes on with what fits
the subject's kind, section by section and year by year:

    명누봄은 대한민국의 조경가다. 1969년 12월 16일 안개벌구에서 태어났다. … 1998년 설계 사무소를 차렸다. 2004년에는 …

The facts of one page agree with those of the others. What is told beyond the lexicon is chosen for this page alone.
"""

import random
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache

from data import sample_subjects_people, sample_subjects_world
from data.lexicon import Event, Lexicon, Organisation, Person, Place, Work, korean_date
from data.lexicon_names import ROOTS
from data.sample_grammar import WRITTEN, Composer, parse_blocks

Entity = Person | Organisation | Place | Work | Event

_SCHOOLS = dict.fromkeys(("초등학교", "중학교", "고등학교"), "학교")
_BLOCK = {**_SCHOOLS, **dict.fromkeys("시군구", "시군구"), "도서관": "문화시설", "박물관": "문화시설"}
"""The block of words for a kind that shares it with others; any other kind has a block of its own name, or no page."""

_NOUN = {
    **{
        "전자": "전자 제품 제조업체",
        "식품": "식품 기업",
        "제약": "제약 회사",
        "통신": "통신 회사",
        "가구": "가구 제조업체",
    },
    **{
        "화장품": "화장품 기업",
        "건설사": "건설 회사",
        "게임사": "게임 개발사",
        "연예기획사": "연예 기획사",
        "축구단": "프로 축구단",
    },
    **{
        "야구단": "프로 야구단",
        "종교단체": "종교 시설",
        "시": "도시",
        "군": "고장",
        "구": "자치구",
        "역": "기차역",
        "시장": "전통 시장",
    },
}
_HEAD = {
    **dict.fromkeys(("초등학교", "중학교", "고등학교"), "교장"),
    **{
        "대학교": "총장",
        "병원": "병원장",
        "신문사": "발행인",
        "방송사": "사장",
        "출판사": "대표",
        "극단": "단장",
        "축구단": "단장",
    },
    **{
        "야구단": "단장",
        "정당": "당 대표",
        "연구소": "소장",
        "재단": "이사장",
        "협회": "회장",
        "종교단체": "주지",
        "은행": "은행장",
    },
}
_MADE = {
    "소설": "쓴",
    "시집": "펴낸",
    "그림책": "그린",
    "영화": "연출한",
    "드라마": "극본을 쓴",
    "연극": "주연을 맡은",
    "음반": "발표한",
    "게임": "기획한",
}
_NATURE = {"시", "군", "구", "산", "강", "섬"}
_CAST = ("{주인공} : 이야기의 주인공. {성격+고} {성격+평서}.", "{상대} : {성격+평서}. {주인공}과(와) 깊이 얽힌다.")
_PLOTS = ("추리", "성장", "모험", "가족", "우주")

_PERSON: dict[str, tuple[str, ...]] = {
    "개요": (
        "{이름}은(는) {나라}의 {{직함}-이다+평서}. // {나라}의 {직함}. // {나라}에서 활동한 {{직함}-이다+평서}.",
        "{생일} {출생지}에서 태어났다. // {출생지}에서 태어난 것은 {{생일}-이다+평서}. // {출생지} 출신으로, {생일}에 태어났다.",
        "호는 {{별호}-이다+평서}. // {별호}(이)라는 이름으로도 알려져 있다. // 본명보다 {별호}(이)라는 이름이 더 익숙하다.",
        "{소속}에서 {오래|여러 해 동안} 일했다. // {소속} 소속으로 이름을 알렸다. // 대표적인 활동 무대는 {{소속}-이다+과거}.",
    ),
    "생애": (
        "{아버지}과(와) {어머니} 사이에서 태어났다. // 아버지는 {아버지직함} {{아버지}-이다+평서}.",
        "할아버지 {할아버지}의 영향을 {크게|많이} 받았다. // 어린 시절을 할아버지 {할아버지}의 집에서 보냈다.",
        "{동생}과(와)는 남매 사이로, 함께 {자라다|학교를 다니다+과거}. // {동생}도 {동생직함}(으)로 일해 남매가 함께 이름을 알렸다.",
        "{학교}을(를) {졸업하다|우수한 성적으로 마치다+과거}. // {학교}에서 공부했으며 그때 {직함}의 길을 가기로 {마음먹다|결심하다+과거}.",
        "{배우자직함} {배우자}과(와) 결혼했다. // {배우자}과(와) 만나 가정을 이루었다.",
        "슬하에 {자녀}을(를) 두었다. // 자녀로는 {자녀}이(가) 있다.",
        "{종교} 신자로 알려져 있다. // {종교}을(를) 믿는다고 밝힌 적이 있다.",
        "지금은 {사는곳}에 산다. // {사는곳}(으)로 옮겨 와 살고 있다.",
        "{사망일} {사망지}에서 세상을 떠났다. 향년 {향년}세였다. // {사망일} 지병으로 {사망지}에서 숨을 거두었다.",
    ),
    "특징": (
        "{이름}은(는) {특징+고} {특징+시제}. // {특징+는 것으로} 잘 알려져 있다. // 무엇보다 {특징+는 것으로} {유명하다|이름이 높다+시제}.",
        "{특징+고} {특징+시제}. // {특징+기} 때문에 찾는 사람이 많았다. // 동료들은 {이름}이(가) {특징+ㄴ다고} 입을 모았다.",
        "또한 {특징+시제}. // {특징+기도} 했다. // 동료 {동료}은(는) {특징+는 점을} 높이 샀다.",
        "평론가들은 {이름}을(를) 두고 {평가+ㄴ다고} {평했다|적었다}. // {평가+ㄴ다는} 평가를 받는다. // {동료}은(는) “{평가+ㄴ다}”라고 말했다.",
    ),
    "여담": (
        "{이름}은(는) {여담+시제}. // {이름}은(는) {여담+고} {여담+시제}. // {여담+ㄴ다고} 한다.",
        "{소속} 시절의 {동료}과(와) 절친한 사이다. // {동료}과(와)는 {소속}에서 만나 친구가 되었다.",
        "{여담+으며} {여담+시제}. // {이름}은(는) {여담+는데} 이를 두고 {동료}은(는) 천생 {직함}(이)라고 말했다.",
        "{여담+는 것으로} 알려져 있다. // 인터뷰에서 {여담+ㄴ다고} 밝혔다. // 뜻밖에도 {여담+시제}.",
    ),
}
_ORGANISATION: dict[str, tuple[str, ...]] = {
    "개요": (
        "{이름}은(는) {소재지}에 있는 {{종류}-이다+평서}. // {소재지}에 자리한 {종류}. // {소재지}을(를) 대표하는 {{종류}-이다+평서}.",
        "약칭은 {{약칭}-이다+평서}. // 줄여서 {약칭}(이)라고 부르기도 한다.",
        "{설립일} {설립자}이(가) 세웠다. // {설립일}에 {문을 열었다|세워졌다}. // {설립자}이(가) {설립일}에 만들었다.",
        "{대표직}은(는) {{대표}-이다+평서}. // 현재 {대표}이(가) {대표직}을(를) 맡고 있다.",
        "구성원은 {{직원}명-이다+평서}. // 모두 {직원}명이 몸담고 있다.",
        "{이념}을(를) 내세운다. // {이념}을(를) 바탕으로 한다.",
        "{상위}에 가입해 있다. // {상위}의 회원 단체다.",
        "{해산일} {문을 닫았다|해산했다}. // 경영난 끝에 {해산일} 문을 닫았다.",
    ),
    "특징": (
        "{이름}은(는) {특징+고} {특징+평서}. // {이름}은(는) {특징+는 것으로} 알려져 있다. // {특징+는 것이} {이름}의 가장 큰 {특색-이다+평서}.",
        "{특징+ㄴ다는} 말을 듣는다. // {소재지}에서는 {이름}(이)라고 하면 {특징+ㄴ다는} 점부터 떠올린다.",
        "또한 {특징+평서}. // {특징+는데} 이 점은 {이름}의 상징처럼 여겨진다. // {대표}은(는) “{특징+ㄴ다}”라고 말한 적이 있다.",
    ),
    "제품": (
        "{제품1}이(가) 널리 알려져 있다. // 대표 제품은 {{제품1}-이다+평서}.",
        "{제품2}과(와) {제품3}도 만든다. // 그 밖에 {제품2}, {제품3} 등이 있다.",
    ),
    "행사": (
        "해마다 {행사}을(를) 연다. // {행사}은(는) 해마다 열린다. // 두 해에 한 번 {행사}을(를) 연다.",
        "{행사}도 빼놓을 수 없다. // {행사}에는 주민들도 함께한다. // {행사}을(를) 후원한다.",
    ),
    "인물": (
        "{인물1}과(와) {인물2}이(가) 이곳을 거쳐 갔다. // {인물1}, {인물2} 등이 몸담았다. // 이곳 출신으로는 {인물1}이(가) 있다.",
        "{인물1}은(는) {인물직함}(으)로 이름을 알렸다.",
    ),
}
_WORK: dict[str, tuple[str, ...]] = {
    "개요": (
        "{지은이}이(가) {만든} {{형태}-이다+평서}. // 《{이름}》은(는) {지은이직함} {지은이}이(가) {만든} {{형태}-이다+평서}.",
        "{발표일} {발행처}에서 나왔다. // {발표일}에 {발행처}을(를) 통해 세상에 나왔다.",
        "{주제}과(와) {주제}을(를) 다룬다. // {주제}에 대한 이야기가 중심을 이룬다.",
    ),
    "제작": (
        "{지은이}은(는) 이 작품을 위해 {소재지} 곳곳을 돌아다녔다. // {지은이}은(는) {수:2-9}년 전부터 이 작품을 준비했다고 한다.",
        "{제작+과거}. // {제작+었다고} 전해진다. // {제작+었는데} 이는 {지은이}의 고집 때문이었다.",
        "또 {제작+과거}. // {제작+은 일화가} 널리 알려져 있다.",
    ),
    "반응": (
        "《{이름}》은(는) {반응+과거}. // 《{이름}》은(는) 발표된 뒤에 {반응+과거}. // {반응+고} {반응+과거}.",
        "평론가들은 《{이름}》을(를) 두고 {평+ㄴ다고} 평했다. // {평+ㄴ다는} 평가와 {평+ㄴ다는} 평가가 함께 나왔다. // {평+ㄴ다는} 의견이 많다.",
        "{평+ㄴ다는} 평도 있다. // 한 평론가는 “{평+ㄴ다}”라고 적었다.",
    ),
    "여담": (
        "{지은이}의 또 다른 작품으로는 《{다른작품}》이(가) 있다.",
        "제목은 {지은이}의 고향인 {고향}의 옛이야기에서 따왔다. // 제목은 {지은이}의 일기에서 따온 것이다.",
    ),
}
_PLACE: dict[str, tuple[str, ...]] = {
    "개요": (
        "{이름}은(는) {상위}에 있는 {{종류}-이다+평서}. // {상위}에 자리한 {종류}.",
        "이름은 옛 고을 이름에서 왔다. // 옛 이름은 {{옛이름}-이다+평서}. // 주민들은 아직도 {옛이름}(이)라고 부른다.",
    ),
    "지리": (
        "{이름}은(는) {지리+고} {지리+평서}. // {이름}은(는) {지리+평서}.",
        "{지리+는 것이} 특색이다. // {상위} 사람이라면 {지리+ㄴ다는} 것을 누구나 안다.",
        "또한 {지리+평서}. // {지리+는 것으로} 이름나 있다. // 가까이에 {이웃}이(가) 있다.",
    ),
    "생활": (
        "{산업+평서}. // {산업+고} {산업+평서}.",
        "{이름}에서는 {산업+평서}. // {이름} 하면 {산업+ㄴ다는} 이야기를 먼저 한다.",
        "최근에는 {산업+ㄴ다고} 한다. // {산업+ㄴ다는} 소식이 신문에 실린 적이 있다.",
    ),
    "교통": (
        "{이름}은(는) {교통+평서}. // {이름}은(는) {교통+고} {교통+평서}.",
        "{교통+으며} {교통+평서}. // 또한 {교통+평서}. // {이웃}에서 이곳까지 {교통수단}(으)로 {수:5-50}분이 걸린다.",
    ),
}
_EVENT: dict[str, tuple[str, ...]] = {
    "개요": (
        "{지역}에서 해마다 {달}월에 열리는 축제다. // {이름}은(는) {지역}의 대표적인 축제다.",
        "{주제}을(를) 주제로 하며 {주최}이(가) 연다. // {주최}이(가) 맡아 꾸린다.",
        "{첫개최일}에 처음 열렸다.",
    ),
    "행사": (
        "{행사}과(와) {행사}이(가) 축제의 중심을 이룬다. // {행사}(으)로 막을 올린다.",
        "{행사}도 인기가 높다. // 마지막 날에는 {행사}이(가) 열린다.",
    ),
    "특징": (
        "{특징+고} {특징+평서}. // {특징+는 것이} 다른 축제와 다른 {점-이다+평서}.",
        "{특징+ㄴ다는} 평을 듣는다. // 또 {특징+평서}.",
    ),
}
_HISTORY = (
    "{해}년 {사건+과거}.",
    "{해}년에는 {사건+과거}.",
    "{사건+은} 것은 {해}년의 일이다.",
    "{해}년 {수:1-12}월 {사건+과거}.",
    "이어 {해}년에 {사건+과거}.",
)
_HISTORY_OF = (*_HISTORY, "{이름}은(는) {해}년 {사건+과거}.", "{해}년에 {이름}은(는) {사건+과거}.")
"""The same for a subject that acts: somebody or an organisation, but not a place."""
_SIZES = {
    **dict.fromkeys("시구", "인구는 {수:90-820}천여 명-이다"),
    "군": "인구는 {수:21-88}천여 명-이다",
    "산": "높이는 {수:320-1680}m-이다",
    "강": "길이가 {수:18-240}km에 이르다",
    "섬": "둘레가 {수:4-38}km에 이르다",
    "역": "하루 이용객은 {수:90-9000}명쯤-이다",
    "도서관": "책 {수:12-90}만 권을 갖추고 있다",
    "박물관": "유물 {수:1200-48000}점을 간직하고 있다",
    "시장": "하루에 {수:1000-9000}명이 다녀가다",
    "공원": "넓이가 {수:3-90}헥타르에 이르다",
}


class _Page:
    """The sections of one page as they grow; a sentence that asks for a fact that the subject lacks is left out."""

    def __init__(self, rng: random.Random, slots: dict[str, str], lists: dict[str, list[str]], past: bool = False):
        self.rng = rng
        self.slots = slots
        self.composer = Composer(rng, slots, lists, {**WRITTEN, "시제": ("었다",) if past else ("ㄴ다",)})
        self.sections: list[tuple[str, list[str]]] = []

    def sentence(self, wordings: str) -> str | None:
        possible = [wording for wording in wordings.split(" // ") if self.composer.can_write(wording)]
        return self.composer.write(self.rng.choice(possible)) if possible else None

    def add(self, heading: str, frames: Sequence[str], keep: float = 1.0) -> None:
        """A section of running text: the first frame, and of the others as many as chance keeps."""
        frames = [frame for number, frame in enumerate(frames) if number == 0 or self.rng.random() < keep]
        self.add_lines(heading, self.paragraphs([sentence for frame in frames if (sentence := self.sentence(frame))]))

    def add_history(
        self, heading: str, events: list[str], first: int, last: int, wordings: Sequence[str] = _HISTORY_OF
    ) -> None:
        """Events in the order in which they are listed, the first of them always and in the year `first`."""
        count = min(self.rng.randint(4, 8), len(events), last - first)
        if count < 2:
            return
        chosen = [0, *sorted(self.rng.sample(range(1, len(events)), count - 1))]
        sentences = []
        years = [first, *sorted(self.rng.sample(range(first + 1, last + 1), count - 1))]
        for number, year in zip(chosen, years, strict=True):
            self.slots["해"] = str(year)
            wording = self.rng.choice(_HISTORY[:3] if number == 0 else wordings)
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


@lru_cache(maxsize=1)
def _words() -> dict[str, dict[str, list[str]]]:
    return parse_blocks(sample_subjects_people.TEXT) | parse_blocks(sample_subjects_world.TEXT)


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
    page.add("개요", _PERSON["개요"], keep=0.85)
    page.add("생애", _PERSON["생애"][0 if person.father else 3 :], keep=0.8)
    start = person.born.year + (19 if person.occupation.endswith("선수") else 25) + rng.randint(0, 4)
    end = min(start + (18 if person.occupation.endswith("선수") else 40), person.died.year if person.died else 2019)
    page.add_history("선수 경력" if person.occupation.endswith("선수") else "활동", words["활동"], start, end)
    page.add_lines("작품", [f"《{work.title}》 ({work.released.year}년, {work.kind})" for work in person.works])
    page.add("특징과 평가", _PERSON["특징"])
    page.add("여담", _PERSON["여담"], keep=0.8)
    return page


def _organisation(rng: random.Random, lexicon: Lexicon, subject: Organisation) -> _Page:
    words = _words()[_block_of(subject.kind)]
    people = [person for person in lexicon.persons if subject in (person.employer, person.school)]
    rng.shuffle(people)
    facts = {
        "이름": subject.name,
        "종류": _NOUN.get(subject.kind, subject.kind),
        "소재지": subject.location.full_name,
        "약칭": subject.alias,
        "설립일": korean_date(subject.founded),
        "설립자": _of(subject.founder, "name"),
        "대표직": _HEAD.get(subject.kind, "대표"),
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
    page.add("개요", _ORGANISATION["개요"], keep=0.85)
    page.add_history("역사", words["연혁"], subject.founded.year, subject.dissolved.year if subject.dissolved else 2019)
    page.add("특징", _ORGANISATION["특징"])
    page.add("제품", _ORGANISATION["제품"])
    page.add("행사", _ORGANISATION["행사"], keep=0.8)
    page.add("인물", _ORGANISATION["인물"], keep=0.8)
    if subject.members:
        page.add_lines("회원 단체", [member.name for member in subject.members])
    return page


def _work(rng: random.Random, lexicon: Lexicon, work: Work) -> _Page:
    words = _words()
    plot = words["줄거리 " + rng.choice(_PLOTS)]
    others = [other.title for other in work.creator.works if other is not work]
    facts = {
        "이름": work.title,
        "만든": _MADE[work.kind],
        "지은이": work.creator.name,
        "지은이직함": work.creator.title,
        "고향": work.creator.birthplace.name,
        "발표일": korean_date(work.released),
        "발행처": work.publisher.name,
        "형태": rng.choice(words[work.kind]["형태"]),
        "다른작품": rng.choice(others) if others else None,
        "주인공": rng.choice(lexicon.persons).name[-2:],
        "상대": rng.choice(plot["인물"]),
        "무대": rng.choice(plot["무대"]),
    }
    page = _Page(rng, _known(facts), {**words[work.kind], **words["등장인물"]})
    page.add("개요", _WORK["개요"], keep=0.9)
    if "주제" not in words[work.kind]:
        steps = (
            ["발단", "전개", "전개", "위기", "결말"] if rng.random() < 0.5 else ["발단", "전개", "위기", "위기", "결말"]
        )
        told = {step: rng.sample(plot[step], 2) for step in ("발단", "전개", "위기", "결말")}
        scenes = [told[step].pop() for step in steps]
        page.add_lines("줄거리", page.paragraphs([page.composer.write("{" + scene + "+평서}.") for scene in scenes]))
        page.add_lines("등장인물", [page.composer.write(frame) for frame in _CAST])
    page.add("제작", _WORK["제작"], keep=0.8)
    page.add("반응", _WORK["반응"], keep=0.8)
    page.add("여담", _WORK["여담"])
    return page


def _place(rng: random.Random, lexicon: Lexicon, place: Place) -> _Page:
    words = _words()[_block_of(place.kind)]
    near = [other.name for other in lexicon.places if other is not place and other.district is place.district]
    facts = {
        "이름": place.name,
        "종류": _NOUN.get(place.kind, place.kind),
        "상위": place.parent.full_name if place.parent else "대한민국",
        "이웃": rng.choice(near) if near else None,
        "옛이름": rng.choice(ROOTS),
        "교통수단": rng.choice(("버스", "자동차", "자전거")),
    }
    page = _Page(rng, _known(facts), words)
    page.add("개요", [*_PLACE["개요"], "{" + _SIZES[place.kind] + "+평서}."], keep=0.8)
    page.add_history("역사", words["연혁"], rng.randint(1912, 1960), 2019, _HISTORY)
    page.add("지리" if place.kind in _NATURE else "시설", _PLACE["지리"])
    page.add("산업" if place.kind in _NATURE else "즐길 거리", _PLACE["생활"])
    page.add("교통", _PLACE["교통"])
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
    page.add("개요", _EVENT["개요"])
    page.add_history("역사", words["연혁"], event.first_held.year, 2019)
    page.add("행사", _EVENT["행사"])
    page.add("특징", _EVENT["특징"])
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
