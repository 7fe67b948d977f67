"""One invented world of people, organisations, places, works and events, from which every built-in sample is composed.

`build_lexicon(seed)` gives the same world for the same seed: persons with a birthday, an occupation, an employer, a family and
works; organisations with a founding date, a seat, a head, members and products; places within places. So a wiki page of
the sample, a relation and a named entity taken from it agree with one another:

    >>> person = build_lexicon().persons[0]
    >>> person.name, person.born, person.employer.name, person.employer.location.name

The attributes cover what KLUE-RE's 30 relations ask for, and each entity tells its type in KLUE-RE's words (`type`: PER, ORG, LOC,
POH; dates and counts are DAT and NOH) and, through `NER_TYPES`, in KLUE-NER's. All names are put together from syllables
and chosen to be nobody's: no real person or organisation is meant, and no real place but the countries. The world knows nothing of
sentences: those are made by `data.sample_petitions` and `data.sample_pages`.
"""

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import lru_cache

from data.josa import agree

NER_TYPES = {"PER": "PS", "ORG": "OG", "LOC": "LC", "DAT": "DT", "NOH": "QT"}
"""KLUE-NER's tag for each of KLUE-RE's entity types; a time of day (TI) has no counterpart there, and POH none in NER."""


@dataclass(eq=False, slots=True)
class Place:
    """A town, a mountain, a station; `parent` is the place that it lies in, None for a city or a county."""

    name: str
    kind: str
    root: str
    parent: "Place | None" = field(default=None, repr=False)
    type: str = "LOC"

    @property
    def full_name(self) -> str:
        """The name after that of the place around it: 한빛구 새별동."""
        return f"{self.parent.name} {self.name}" if self.parent else self.name

    @property
    def district(self) -> "Place":
        """The city, county or borough (시·군·구) in which the place lies, or which it is."""
        return self if self.parent is None or self.kind == "구" else self.parent.district


@dataclass(eq=False, slots=True)
class Organisation:
    """A school, a company, a party. Links to other entities are set once the world is complete."""

    name: str
    kind: str
    location: Place
    founded: date
    employees: int
    alias: str | None = None
    dissolved: date | None = None
    affiliation: str | None = None
    parent: "Organisation | None" = field(default=None, repr=False)
    members: list["Organisation"] = field(default_factory=list, repr=False)
    founder: "Person | None" = field(default=None, repr=False)
    head: "Person | None" = field(default=None, repr=False)
    products: list[str] = field(default_factory=list)
    type: str = "ORG"


@dataclass(eq=False, slots=True)
class Person:
    """Somebody with an occupation (`field`, the group; `title`, the word), a life and a family."""

    name: str
    field: str
    title: str
    country: str
    born: date
    birthplace: Place
    residence: Place
    school: Organisation
    employer: Organisation
    died: date | None = None
    deathplace: Place | None = None
    alias: str | None = None
    religion: str | None = None
    father: "Person | None" = field(default=None, repr=False)
    mother: "Person | None" = field(default=None, repr=False)
    spouse: "Person | None" = field(default=None, repr=False)
    children: list["Person"] = field(default_factory=list, repr=False)
    siblings: list["Person"] = field(default_factory=list, repr=False)
    colleagues: list["Person"] = field(default_factory=list, repr=False)
    works: list["Work"] = field(default_factory=list, repr=False)
    type: str = "PER"

    @property
    def grandparents(self) -> "list[Person]":
        """The parents of the parents, as far as they are known."""
        parents = [parent for parent in (self.father, self.mother) if parent]
        return [elder for parent in parents for elder in (parent.father, parent.mother) if elder]


@dataclass(eq=False, slots=True)
class Work:
    """A novel, a film, a game: a title, its maker, the house that brought it out and the day."""

    title: str
    kind: str
    creator: Person
    publisher: Organisation
    released: date
    type: str = "POH"

    @property
    def name(self) -> str:
        return self.title


@dataclass(eq=False, slots=True)
class Event:
    """A yearly festival of a place, with the organisation that holds it."""

    name: str
    kind: str
    location: Place
    host: Organisation
    first_held: date
    theme: str
    type: str = "POH"


@dataclass(eq=False, slots=True)
class Lexicon:
    """The entities of the world, each kind in the order in which it was made."""

    places: list[Place]
    organisations: list[Organisation]
    persons: list[Person]
    works: list[Work]
    events: list[Event]

    def of_kind(self, kind: str) -> "list[Place] | list[Organisation]":
        """The places or organisations of one kind (산, 병원), or of a group of kinds (회사, 구단)."""
        kinds = _GROUPS.get(kind, (kind,))
        places = [place for place in self.places if place.kind in kinds]
        return places or [organisation for organisation in self.organisations if organisation.kind in kinds]

    def towns_of(self, district: Place) -> list[Place]:
        """The towns (동·읍·면) of a city, a county or a borough."""
        towns = [place for place in self.places if place.kind in {"동", "읍", "면"} and place.parent]
        return [town for town in towns if district in (town.parent, town.parent.parent if town.parent else None)]


def korean_date(day: date) -> str:
    """The day as Korean text writes it: 1974년 3월 12일."""
    return f"{day.year}년 {day.month}월 {day.day}일"


_ROOT_STARTS = ["갈대", "거북", "구름", "굽은", "까치", "꽃담", "너럭", "노루", "누에", "느릅", "달래", "도토리", "돌배", "들국", "머루", "메아리", "모래", "미나리", "바위", "박새", "방울", "보리", "부엉", "비늘", "산들", "살구", "서리", "솔개", "싸리", "쑥대", "안개", "앵두", "억새", "오소리", "옹달", "윗들", "이끼", "자작", "장승", "제비", "조약", "종달", "찔레", "청솔", "토란", "파랑", "하늬", "황새", "흰돌", "곰취"]
_ROOT_ENDS = ["골", "내", "들", "마루", "못", "뫼", "밭", "벌", "샘", "숲", "실", "여울", "울", "재", "치", "터"]
_REAL_ROOTS = frozenset(
    ["까치울", "황새울", "버들골", "장승재", "구름재", "바위골", "까치재", "박새울", "까치골", "모래내", "비늘치", "방울샘", "갈대숲", "서리들"]
)
ROOTS = [start + end for start in _ROOT_STARTS for end in _ROOT_ENDS if start + end not in _REAL_ROOTS]
_FAMILY_NAMES = ["강", "고", "구", "권", "길", "나", "노", "도", "류", "맹", "명", "모", "문", "민", "반", "방", "배", "변", "봉", "서", "선", "설", "소", "송", "심", "안", "양", "어", "엄", "여", "연", "염", "오", "옥", "우", "원", "위", "유", "윤", "은", "임", "장", "전", "정", "조", "주", "지", "진", "차", "채", "천", "최", "추", "탁", "태", "표", "피", "하", "한", "함", "허", "현", "홍", "황"]
_FIRST = ["가", "겨", "누", "다", "단", "달", "담", "도", "두", "라", "려", "루", "마", "모", "물", "바", "보", "봄", "새", "선", "소", "솔", "슬", "아", "여", "온", "찬", "초", "푸", "한", "해", "휘"]
_SECOND = ["겸", "늘", "단", "담", "든", "들", "람", "랑", "래", "령", "록", "루", "린", "별", "봄", "빛", "샘", "솔", "솜", "안", "온", "울", "웅", "율", "음", "잎", "찬", "채", "향", "휘"]
_NOT_NAMES = frozenset(
    ["가람", "가단", "가든", "가온", "가을", "가채", "가울", "겨울", "겨울", "다온", "다솜", "다들", "다루", "다음", "다단", "다담", "달안", "달랑", "담음", "담온", "도단", "도담", "도래", "도루", "도안", "도찬", "두들", "두루", "두단", "두음", "라온", "라루", "라단", "라음", "마늘", "마루", "마음", "마찬", "마단", "마들", "모래", "모음", "모루", "모든", "모들", "모단", "물음", "물들", "물안", "물온", "바늘", "바람", "바래", "바루", "바울", "바단", "바랑", "보람", "보루", "보온", "보린", "보별", "보단", "보안", "보들", "봄봄", "봄들", "새들", "새록", "새봄", "새롬", "새찬", "새단", "선향", "선율", "선별", "선들", "선든", "선단", "선채", "선안", "소담", "소음", "소들", "소온", "소향", "소단", "소율", "솔단", "솔음", "솔찬", "슬린", "슬단", "아들", "아람", "아래", "아린", "아찬", "아랑", "아향", "아음", "아단", "여든", "여울", "여들", "여단", "온음", "온찬", "온단", "온들", "찬단", "찬담", "찬음", "초록", "초안", "초음", "초단", "초향", "푸들", "푸린", "푸단", "한들", "한솔", "한음", "한율", "한찬", "한담", "한단", "한별", "한봄", "한빛", "해든", "해솔", "해안", "해온", "해찬", "해들", "해음", "해단", "해랑", "휘단", "휘음", "누룩", "누음", "누들", "누단", "려음", "려단", "루단", "루음", "단음", "단향", "단단", "단들", "담단", "단안"]
)
_FOREIGN_NAMES = ["마렌", "올벤", "티오", "라스켈", "넬라", "도브린", "유나스", "카르벨", "엘린", "모라트", "피에타", "솔렌", "다닐", "베스코", "이레나", "할도르", "로벤", "시카르", "아델", "틴마르", "오르반", "레스크", "밀라", "코르넬", "세반", "토를리"]
_COUNTRIES = ("프랑스", "독일", "캐나다", "베트남", "노르웨이", "브라질", "호주", "인도")
_BRANDS = ["가비", "나르", "다온", "델루", "도르", "라비", "로넬", "루오", "마온", "모아", "미로", "바론", "베르", "보담", "비온", "사르", "세르", "소네", "아델", "아르", "에르", "오름", "우담", "유벨", "이로", "자온", "카르", "타온", "테온", "파올", "하르", "호담"]
_BRAND_ENDS = ["넥", "담", "델", "디온", "라인", "로스", "롬", "루", "린", "메이", "바", "벨", "빈", "사", "센", "솜", "아드", "온", "올", "젠", "콘", "탄", "트로", "펠", "한"]
_INITIALS = "BDGHJKLMNPSTVXYZ"

_TITLE_LEFT = ["느린", "젖은", "푸른", "낡은", "조용한", "일곱_번째", "마지막", "어린", "붉은", "기울어진", "잠들지_않는", "길_잃은", "이름_없는", "먼", "늦은", "하얀", "두_번째", "흔들리는", "눈먼", "빈", "떠도는", "오래된", "숨은", "반짝이는", "서툰", "외로운", "거꾸로_걷는", "날지_못하는", "노래하는", "얼어붙은", "사라진", "겨울의", "안개의", "모래의", "거울의", "바다의", "골목의", "새벽의", "유리의", "종이의", "별들의", "여름의", "어제의", "그림자의", "강물의", "다락방의", "열두_시의", "섬의", "북쪽의", "나무의", "소금의"]
_TITLE_RIGHT = ["정거장", "우산", "나침반", "등대", "편지", "지도", "시계", "의자", "극장", "정원", "사다리", "약속", "항해", "손님", "자전거", "계단", "창문", "도시", "숲", "식탁", "열쇠", "가방", "기차", "호수", "풍경", "피아노", "사진관", "병사", "마을", "여행자", "주머니", "노래", "책방", "연못", "들판", "별자리", "고양이", "왕국", "언덕", "다리", "방앗간", "문장", "침묵", "농담", "계절", "아이들", "이웃", "수첩", "문", "유산", "불빛", "기억", "항구", "소년", "소녀", "목격자", "발자국", "상자", "대답", "질문"]
_PRODUCTS = {
    "전자": "청소기 냉장고 세탁기 노트북 이어폰 공기청정기 카메라 태블릿",
    "식품": "두유 라면 김치 만두 요구르트 초콜릿 된장 과자",
    "제약": "감기약 연고 소화제 비타민 진통제 안약",
    "통신": "요금제 공유기 메신저 지도앱",
    "가구": "침대 책상 소파 책장 의자",
    "화장품": "로션 비누 샴푸 립밤 크림",
}
_THEMES = ["국화", "메밀꽃", "반딧불이", "빙어", "사과", "달빛", "인형극", "재즈", "책", "억새", "도자기", "연날리기", "유채", "갯벌", "별빛", "마임", "막걸리", "눈꽃", "단풍", "호박"]

# Occupation group: titles, kinds of employer, and the kind of work that such a person makes.
OCCUPATIONS: dict[str, tuple[tuple[str, ...], tuple[str, ...], str | None]] = {
    "가수": (("가수", "싱어송라이터", "재즈 가수"), ("연예기획사",), "음반"),
    "배우": (("배우", "뮤지컬 배우", "연극배우"), ("연예기획사", "극단"), "연극"),
    "소설가": (("소설가", "동화 작가", "추리 소설가"), ("출판사",), "소설"),
    "시인": (("시인", "수필가", "평론가"), ("출판사", "대학교"), "시집"),
    "화가": (("화가", "판화가", "그림책 작가"), ("대학교", "재단"), "그림책"),
    "영화감독": (("영화감독", "다큐멘터리 감독", "애니메이션 감독"), ("영화사",), "영화"),
    "드라마 작가": (("드라마 작가", "방송 작가"), ("방송사",), "드라마"),
    "게임 개발자": (("게임 기획자", "프로그래머"), ("게임사",), "게임"),
    "축구 선수": (("공격수", "미드필더", "골키퍼", "수비수"), ("축구단",), None),
    "야구 선수": (("투수", "포수", "내야수", "외야수"), ("야구단",), None),
    "기업인": (("기업인", "경영인"), ("전자", "식품", "제약", "통신", "가구", "화장품", "건설사"), None),
    "정치인": (("정치인", "시의원", "군수"), ("정당",), None),
    "과학자": (("물리학자", "생물학자", "화학자", "천문학자"), ("연구소", "대학교"), None),
    "의사": (("의사", "외과 의사", "소아과 의사"), ("병원",), None),
    "요리사": (("요리사", "제빵사"), ("식품", "재단"), None),
    "언론인": (("기자", "앵커", "논설위원"), ("신문사", "방송사"), None),
    "건축가": (("건축가", "조경가"), ("건설사", "대학교"), None),
    "종교인": (("승려", "목사", "신부"), ("종교단체",), None),
}

_EARLIEST_BIRTH = {"축구 선수": 1952, "야구 선수": 1954, "게임 개발자": 1965}

# Kind of organisation: how many, the pattern of its name ({root}, {brand}, {district}), the years of its founding, its size.
_ORGANISATIONS: dict[str, tuple[int, str, tuple[int, int], tuple[int, int]]] = {
    "초등학교": (36, "{root}초등학교", (1925, 2012), (20, 80)),
    "중학교": (30, "{root}중학교", (1938, 2010), (25, 70)),
    "고등학교": (30, "{root}고등학교", (1935, 2008), (30, 95)),
    "대학교": (26, "{root}대학교", (1946, 1996), (240, 1800)),
    "어린이집": (20, "{root}어린이집", (1988, 2016), (6, 24)),
    "병원": (26, "{root}병원", (1952, 2012), (90, 1900)),
    "요양원": (18, "{root}요양원", (1995, 2016), (14, 70)),
    "동물보호소": (14, "{root}동물보호소", (2000, 2015), (3, 16)),
    "은행": (8, "{brand}은행", (1956, 2008), (600, 9000)),
    "전자": (12, "{brand}전자", (1962, 2010), (150, 14000)),
    "식품": (14, "{brand}식품", (1955, 2012), (60, 3200)),
    "제약": (10, "{brand}제약", (1948, 2009), (80, 2400)),
    "통신": (8, "{brand}통신", (1984, 2011), (120, 5200)),
    "가구": (8, "{brand}가구", (1965, 2013), (40, 900)),
    "화장품": (8, "{brand}화장품", (1971, 2014), (50, 1500)),
    "건설사": (14, "{brand}건설", (1958, 2006), (90, 3600)),
    "게임사": (12, "{brand}게임즈", (1997, 2015), (20, 1300)),
    "벤처기업": (14, "{brand}랩", (2001, 2017), (5, 140)),
    "버스회사": (14, "{root}여객", (1961, 1999), (60, 420)),
    "신문사": (12, "{root}일보", (1946, 2009), (60, 420)),
    "방송사": (8, "{root}방송", (1957, 2011), (120, 900)),
    "출판사": (14, "{root}출판사", (1954, 2014), (4, 130)),
    "연예기획사": (14, "{brand}엔터테인먼트", (1958, 2016), (15, 380)),
    "영화사": (12, "{brand}필름", (1952, 2015), (8, 120)),
    "극단": (10, "극단 {root}", (1954, 2014), (9, 45)),
    "축구단": (14, "{district} FC", (1968, 2013), (40, 130)),
    "야구단": (10, "{district} {mascot}", (1971, 2013), (60, 150)),
    "정당": (8, "{party}당", (1987, 2016), (70, 400)),
    "의회": (16, "{district}의회", (1991, 1995), (15, 60)),
    "연구소": (16, "{root}연구소", (1959, 2014), (20, 640)),
    "재단": (14, "{root}재단", (1970, 2015), (5, 90)),
    "협회": (14, "{root}협회", (1953, 2011), (6, 80)),
    "종교단체": (12, "{faith}", (1908, 1970), (5, 60)),
    "주민센터": (20, "{town} 주민센터", (1982, 2010), (12, 34)),
    "부대": (10, "{root}부대", (1953, 1986), (300, 2400)),
}
_MASCOTS = ["나이츠", "드래곤스", "호크스", "돌핀스", "폭스", "래빗스", "이글릿", "스톰", "코요테", "캡틴스", "레오파드", "펭귄스"]
_PARTIES = ["새물결", "내일살림", "푸른살림", "함께걷기", "너른들", "바른소리", "둥근빛", "첫걸음"]
_PARTY_LINES = ("진보주의", "보수주의", "중도주의", "환경주의", "자유주의")
_GROUPS = {"회사": tuple(_PRODUCTS), "구단": ("축구단", "야구단")}
_RELIGIONS = {"불교": ("{root}사", "승려"), "천주교": ("{root}성당", "신부"), "개신교": ("{root}교회", "목사")}
"""Each religion's pattern of a house's name, and the title of who serves there."""

# Kind of place below a district: how many and the pattern of its name.
_SITES = {
    **{
        "동": (44, "{root}동"),
        "읍": (16, "{root}읍"),
        "면": (26, "{root}면"),
        "산": (26, "{root}산"),
        "강": (18, "{root}강"),
    },
    **{"섬": (16, "{root}섬"), "역": (30, "{root}역"), "도서관": (24, "{root}도서관"), "박물관": (16, "{root}박물관")},
    **{
        "시장": (20, "{root}시장"),
        "공원": (18, "{root}공원"),
        "아파트": (26, "{root}아파트"),
        "빌라": (18, "{root}빌라"),
    },
    **{
        "도로": (20, "{root}로"),
        "소각장": (12, "{root}소각장"),
        "정수장": (12, "{root}정수장"),
        "공장": (16, "{brand}화학 공장"),
    },
}


@lru_cache(maxsize=4)
def build_lexicon(seed: int = 0) -> Lexicon:
    """The world of `seed`, built in well under a second; shared between callers, so leave it unchanged."""
    return _Builder(random.Random(f"lexicon {seed}")).build()


class _Builder:
    """Makes the world from the ground up: places, organisations in them, people who work there, what they made."""

    def __init__(self, rng: random.Random):
        self.rng = rng
        self.used: set[str] = set()
        self.by_kind: dict[str, list[Organisation]] = {}
        self.districts: list[Place] = []

    def build(self) -> Lexicon:
        self.districts = self.make_districts()
        places = self.districts + list(self.make_sites())
        organisations = list(self.make_organisations(places))
        persons = [*self.make_families(150), *self.make_clergy(24)]
        works = list(self.make_works(persons))
        self.link(persons, organisations)
        events = [self.make_event(place) for place in self.rng.sample(self.districts, 40)]
        return Lexicon(places, organisations, persons, works, events)

    def new(self, make: Callable[[], str]) -> str:
        """A name that `make` gives and nothing in the world has yet."""
        while (name := make()) in self.used:
            pass
        self.used.add(name)
        return name

    def new_brand(self) -> str:
        return self.new(lambda: self.rng.choice(_BRANDS) + self.rng.choice(_BRAND_ENDS))

    def day(self, first_year: int, last_year: int) -> date:
        start = date(first_year, 1, 1)
        return start + timedelta(days=self.rng.randrange((date(last_year, 12, 31) - start).days))

    def make_districts(self) -> list[Place]:
        """14 cities, of which six have three boroughs each, and 16 counties."""
        roots = iter(self.rng.sample(ROOTS, 48))
        cities = [Place(root + "시", "시", root) for root, _ in zip(roots, range(14), strict=False)]
        counties = [Place(root + "군", "군", root) for root, _ in zip(roots, range(16), strict=False)]
        boroughs = [Place(root + "구", "구", root, cities[n // 3]) for n, root in enumerate(roots) if n < 18]
        return cities + counties + boroughs

    def make_sites(self) -> Iterator[Place]:
        counties = [place for place in self.districts if place.kind == "군"]
        urban = self.districts[6:14] + [place for place in self.districts if place.kind == "구"]
        for kind, (count, pattern) in _SITES.items():
            around = counties if kind in {"읍", "면"} else urban if kind in {"동", "아파트", "빌라"} else self.districts
            for root in self.rng.sample(ROOTS, count):
                brand = self.new_brand() if "{brand}" in pattern else ""
                yield Place(pattern.format(root=root, brand=brand), kind, root, self.rng.choice(around))

    def make_organisations(self, places: list[Place]) -> Iterator[Organisation]:
        towns = [place for place in places if place.kind in {"동", "읍", "면"}]
        for kind, (count, pattern, years, sizes) in _ORGANISATIONS.items():
            seats = self.rng.sample(towns if kind == "주민센터" else self.districts, count)
            for number, (seat, root) in enumerate(zip(seats, self.rng.sample(ROOTS, count), strict=True)):
                religion = list(_RELIGIONS)[number % len(_RELIGIONS)]
                name = pattern.format(
                    root=root,
                    brand=self.new_brand() if "{brand}" in pattern else "",
                    district=seat.district.name,
                    town=seat.name,
                    mascot=_MASCOTS[number % len(_MASCOTS)],
                    party=_PARTIES[number % len(_PARTIES)],
                    faith=_RELIGIONS[religion][0].format(root=root),
                )
                made = Organisation(name, kind, seat, self.day(*years), self.rng.randint(*sizes))
                self.describe(made, religion)
                self.by_kind.setdefault(kind, []).append(made)
                yield made

    def describe(self, made: Organisation, religion: str) -> None:
        """Alias, affiliation, products and, for some, the end of an organisation."""
        rng = self.rng
        if made.kind == "대학교":
            made.alias = made.name[:-2]
        elif made.kind in {*_PRODUCTS, "은행", "건설사", "게임사", "방송사"}:
            made.alias = self.new(lambda: "".join(rng.sample(_INITIALS, 3)))
        if made.kind in _PRODUCTS:
            made.products = [f"{self.new_brand()} {noun}" for noun in rng.sample(_PRODUCTS[made.kind].split(), 3)]
        if made.kind == "정당":
            made.affiliation = rng.choice(_PARTY_LINES)
        elif made.kind == "종교단체":
            made.affiliation = religion
        if made.kind not in {"주민센터", "의회", "부대"} and rng.random() < 0.1:
            made.dissolved = self.day(2017, 2019)

    def make_families(self, couples: int) -> Iterator[Person]:
        """Couples with up to three children, a third of whom marry and have children of their own."""
        for _ in range(couples):
            father = self.make_person(self.day(1928, 1958))
            mother = self.make_person(self.day(father.born.year - 2, father.born.year + 5))
            yield from self.make_household(father, mother, depth=1)

    def make_household(self, father: Person, mother: Person, depth: int) -> Iterator[Person]:
        rng = self.rng
        father.spouse, mother.spouse = mother, father
        yield from (father, mother)
        family = None if " " in father.name else father.name[0]
        years = [mother.born.year + 24 + 4 * n for n in range(rng.randint(1, 3))]
        children = [self.make_person(self.day(year, year + 2), family) for year in years if year < 1993]
        father.children = mother.children = children
        for child in children:
            child.father, child.mother = father, mother
            child.siblings = [other for other in children if other is not child]
            if depth and child.born.year < 1972 and rng.random() < 0.35:
                partner = self.make_person(self.day(child.born.year - 2, child.born.year + 3))
                yield from self.make_household(child, partner, depth - 1)
            else:
                yield child

    def make_clergy(self, count: int) -> Iterator[Person]:
        for _ in range(count):
            person = self.make_person(self.day(1930, 1980), occupation="종교인")
            person.religion = person.employer.affiliation or ""
            person.title = _RELIGIONS[person.religion][1]
            yield person

    def make_person(self, born: date, family: str | None = None, occupation: str | None = None) -> Person:
        rng = self.rng
        open_to = [name for name in OCCUPATIONS if name != "종교인" and born.year >= _EARLIEST_BIRTH.get(name, 0)]
        occupation = occupation or rng.choice(open_to)
        titles, employers, _ = OCCUPATIONS[occupation]
        died = self.day(max(born.year + 45, 1985), 2019) if born.year < 1950 and rng.random() < 0.75 else None
        foreign = family is None and rng.random() < 0.05
        person = Person(
            name=self.new(lambda: " ".join(rng.sample(_FOREIGN_NAMES, 2)) if foreign else self.person_name(family)),
            field=occupation,
            title=rng.choice(titles),
            country=rng.choice(_COUNTRIES) if foreign else "대한민국",
            born=born,
            birthplace=rng.choice(self.districts),
            residence=rng.choice(self.districts),
            school=self.founded_before(born.year + 18, ["대학교"] if rng.random() < 0.75 else ["고등학교"]),
            employer=self.founded_before(min(died.year - 2 if died else 2014, born.year + 38), list(employers)),
            died=died,
        )
        if died:
            person.deathplace = rng.choice(self.districts)
        if rng.random() < 0.3:
            person.alias = rng.choice(ROOTS)
        if rng.random() < 0.35:
            person.religion = rng.choice(list(_RELIGIONS))
        return person

    def founded_before(self, year: int, kinds: list[str]) -> Organisation:
        """An organisation of one of the kinds that was there by `year`, or failing that the oldest."""
        found = [organisation for kind in kinds for organisation in self.by_kind[kind]]
        early = [organisation for organisation in found if organisation.founded.year < year]
        return self.rng.choice(early) if early else min(found, key=lambda organisation: organisation.founded)

    def person_name(self, family: str | None = None) -> str:
        rng = self.rng
        while (given := rng.choice(_FIRST) + rng.choice(_SECOND)) in _NOT_NAMES or given[0] == given[1]:
            pass
        return (family or rng.choice(_FAMILY_NAMES)) + given

    def make_works(self, persons: list[Person]) -> Iterator[Work]:
        for person in persons:
            kind = OCCUPATIONS[person.field][2]
            if kind is None:
                continue
            last = person.died.year if person.died else 2019
            first = min(max(person.born.year + 24, person.employer.founded.year), last - 1)
            for day in sorted(self.day(first, last) for _ in range(self.rng.randint(1, 3))):
                work = Work(self.new(self.work_title), kind, person, person.employer, min(day, person.died or day))
                person.works.append(work)
                yield work

    def work_title(self) -> str:
        left, right = self.rng.choice(_TITLE_LEFT), self.rng.choice(_TITLE_RIGHT)
        if self.rng.random() < 0.15:
            return agree(f"{right}과(와) {self.rng.choice([word for word in _TITLE_RIGHT if word != right])}")
        return f"{left} {right}".replace("_", " ")

    def link(self, persons: list[Person], organisations: list[Organisation]) -> None:
        """Who works together, who leads, who founded, and which organisation belongs to which."""
        rng = self.rng
        staff: dict[str, list[Person]] = {}
        for person in persons:
            staff.setdefault(person.employer.name, []).append(person)
        for person in persons:
            others = [other for other in staff[person.employer.name] if other is not person]
            person.colleagues = rng.sample(others, min(2, len(others)))
        living = [person for person in persons if not person.died]
        for organisation in organisations:
            people = staff.get(organisation.name, [])
            year = organisation.founded.year
            elders = [person for person in people or rng.sample(persons, 8) if person.born.year + 25 < year]
            organisation.founder = next(
                (person for person in elders if not person.died or person.died.year > year), None
            )
            organisation.head = rng.choice([person for person in people if not person.died] or living)
            if organisation.kind not in {"협회", "주민센터", "부대", "의회"} and rng.random() < 0.4:
                organisation.parent = rng.choice(self.by_kind["협회"])
                organisation.parent.members.append(organisation)

    def make_event(self, place: Place) -> Event:
        theme = self.rng.choice(_THEMES)
        host = self.rng.choice(self.by_kind["재단"] + self.by_kind["협회"])
        name = f"{place.name[:-1]} {theme} 축제"
        return Event(name, "축제", place, host, self.day(1984, 2012), theme)
