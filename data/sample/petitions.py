"""Invented petitions, as people write them to a government's petition board.

Each holds to one topic, one scene and one authority from the first sentence to the last, and its sentences follow one another as an
argument does: who writes, what is wrong, what happened to them, figures, causes, what was done, demands. A petition in the
polite style reads like

    안녕하세요. 저는 머루골초등학교에 두 아이를 보내는 학부모입니다. 머루골초등학교 앞에서는 보도가 좁은 데다가 … 하루빨리 보도를 넓혀 주십시오.

A fifth of them are written carelessly, as in the archive: full stops and spaces forgotten, ㅠㅠ and !! added. Words are spelt
correctly throughout.
"""

import random
from datetime import date, timedelta

from data.josa import agree
from data.sample.grammar import Composer, Register, likely_first
from data.sample.lexicon import Lexicon, Place
from data.sample.topics import topics

_REGISTERS: dict[str, tuple[int, Register]] = {
    "formal": (
        60,
        {
            "평서": ("습니다",),
            "과거": ("었습니다",),
            "추측": ("을 것입니다",),
            "의문": ("습니까",),
            "요구": ("어 주십시오", "어 주시기 바랍니다", "어 주실 것을 간곡히 요청합니다"),
            "부탁": ("어 주십시오", "어 주시기 바랍니다", "어 주시기를 부탁드립니다"),
        },
    ),
    "polite": (
        22,
        {
            "평서": ("어요", "어요", "습니다"),
            "과거": ("었어요", "었어요", "었습니다"),
            "추측": ("을 거예요", "을 것 같아요"),
            "의문": ("나요",),
            "요구": ("어 주세요", "어 주셨으면 좋겠어요", "어 주시면 좋겠습니다"),
            "부탁": ("어 주세요", "어 주셨으면 좋겠어요", "어 주시길 부탁드려요"),
        },
    ),
    "plain": (
        10,
        {
            "평서": ("ㄴ다",),
            "과거": ("었다",),
            "추측": ("을 것이다",),
            "의문": ("는가",),
            "요구": ("어야 한다", "어 주기 바란다"),
            "부탁": ("어 주기 바란다", "어 주었으면 한다"),
        },
    ),
    "clipped": (
        8,
        {
            "평서": ("음",),
            "과거": ("었음",),
            "추측": ("을 것으로 보임", "을 것 같음"),
            "의문": ("나요",),
            "요구": ("어 주길 바람", "어야 함", "어 주시기 바람"),
            "부탁": ("어 주길 바람", "어 주시기 바람"),
        },
    ),
}
_DO_YOU_KNOW = {"formal": "알고 계십니까", "polite": "알고 계시나요", "plain": "아는가", "clipped": "알고 계시나요"}

_FRAMES: dict[str, tuple[str, ...]] = {
    "인사": (
        "안녕하세요.",
        "안녕하십니까.",
        "{답답한|무거운|간절한} 마음에 {시설} 이야기를 {쓰다+평서}.",
        "몇 번을 망설이다가 {시설} 일로 글을 {쓰다+평서}.",
    ),
    "소개": (
        "{저}은(는) {글쓴이}(으)로서 {시설} {일로|이야기로} 글을 {쓰다|올리다+평서}.",
        "{글쓴이}(으)로서 {시설}의 {화제} 문제로 글을 {쓰다|올리다+평서}.",
        "{저}은(는) {곳}에 {사는데|살고 있는데} {시설} 일로 글을 {쓰다|올리다+평서}.",
    ),
    "화제": (
        "{오늘은|여기서는} {시설}의 {화제} 문제를 {알리고자|이야기하고자} {하다+평서}.",
        "{시설}의 {화제} 문제로 걱정하는 사람이 {많다+평서}.",
        "{시설}의 {화제} 문제, 이대로 두어도 {되다+의문}?",
        "{곳}에서는 요즘 {시설}의 {화제} 이야기가 {끊이지 않다+평서}.",
        "{시설}의 {화제} 문제를 더는 미룰 수 {없다+평서}.",
        "지금 {현장}에서 무슨 일이 벌어지고 있는지 {아시나요}?",
        "{시설} 이야기를 들으면 {화제} 문제가 얼마나 심각한지 알 수 {있다+평서}.",
    ),
    "문제": (
        "{먼저|우선|무엇보다} {시설}에서는 {문제+고} {문제+평서}.",
        "현재 {현장}에서는 {문제+고} {문제+평서}.",
        "{현장}의 가장 큰 문제는 {문제+ㄴ다는} {점-이다|것-이다+평서}.",
        "{현장}에서는 {문제+는 데다가} {문제+평서}.",
        "{시설}에서는 {문제+을 뿐만 아니라} {문제+평서}.",
        "{시설}에서 가장 먼저 눈에 띄는 것은 {문제+ㄴ다는} {사실-이다|점-이다+평서}.",
        "{현장}의 실상을 한 번이라도 본 사람이라면 {문제+ㄴ다는} 것을 {알 수 있다+평서}.",
        "{시설}에서는 {문제+는데도} {기관}은(는) {나서지 않다|눈을 감다+평서}.",
    ),
    "더": (
        "{게다가|더구나|또|심지어} {시설}에서는 {문제+평서}.",
        "{또한|게다가|거기에다} {시설}에서는 {문제+고} {문제+평서}.",
        "{시설}에서는 {문제+는 것도} {큰|심각한} {문제-이다+평서}.",
        "거기에 {시설}에서는 {문제+기까지} {하다+평서}.",
        "{시설}에서는 {문제+는 것이} 당연한 일처럼 {여겨지다+평서}.",
        "{시설}을(를) 아는 사람이라면 {문제+ㄴ다는} 이야기를 한 번쯤은 들어 {보다+과거}.",
    ),
    "인용": (
        "{모임}의 {이름} {대표|위원장|간사}은(는) {시설}에 대해 “{문제+ㄴ다}”라고 {말하다|호소하다|전하다+과거}.",
        "{시설} {모임}에서 만난 {이름} 씨는 “{경험+었다}”며 눈물을 {보이다+과거}.",
        "{시설} {모임}의 {이름} 씨는 {화제} 문제를 두고 “{요구+어야 한다}”라고 {말하다|이야기하다+과거}.",
    ),
    "경험": (
        "{시설} 일로 {저}도 {때} {경험+과거}.",
        "{때}에는 {시설} 일로 {경험+과거}.",
        "{시설} 일로 {때} {경험+은 뒤로} {하루하루가 불안하다|마음이 무겁다|화가 풀리지 않다+평서}.",
        "{시설} 이야기만 나오면 {경험+었던} 일이 {떠오르다+평서}.",
        "{시설}의 {화제} 이야기를 들을 때마다 {경험+었던} 일이 {생각나다+평서}.",
        "{경험+고} 나서야 {시설}의 {화제} 문제가 남의 일이 아님을 {깨닫다+과거}.",
    ),
    "수치": (
        "{{시설}을(를) 다룬 {기사|보도|자료}에 따르면 {수치+ㄴ다고} 하다+평서}.",
        "{{시설}의 {화제} 문제를 다룬 {기사|보고서}에 따르면 {수치+ㄴ다고} 하다+평서}.",
        "{시설} 일을 확인해 보니 {수치+평서}.",
        "{수치+ㄴ다는} 사실이 {시설}의 {화제} 문제를 {말해 주다+평서}.",
    ),
    "원인": (
        "{시설}에서 이런 일이 {되풀이되는|생기는|계속되는} 것은 {{원인+기} 때문-이다+평서}.",
        "{시설}의 {화제} 문제가 {풀리지 않는|되풀이되는} 것은 {{원인+기} 때문-이다+평서}.",
        "{시설}에서는 {원인+어서} {결과+평서}.",
        "{시설}에서는 {원인+기} 때문에 {결과+평서}.",
        "{원인+으니} {시설}에서는 {결과+을 수밖에} {없다+평서}.",
        "{시설}의 {화제} 문제의 가장 큰 원인은 {원인+ㄴ다는} 데 {있다+평서}.",
        "{원인+는데도} {시설}에서는 아무도 {고치려고 하지 않다|책임지려고 하지 않다+평서}.",
        "{원인+는 것이} {시설}의 {화제} {문제의 뿌리-이다|문제의 근본 원인-이다+평서}.",
    ),
    "결과": (
        "{그래서|그 때문에|이 때문에|그 결과} {시설}에서는 {결과+평서}.",
        "{그 결과|결국} {시설}에서는 {결과+고} {결과+평서}.",
        "{시설}의 {화제} 문제로 {결과+는 현실이} {안타깝다|답답하다|부끄럽다+평서}.",
        "{시설}의 {화제} 문제를 이대로 두면 {앞으로도 |머지않아 |}{결과+추측}.",
        "{결과+는데} {시설}의 {화제} 문제를 {도대체 |}언제까지 {지켜봐야|참아야} {하다+의문}?",
    ),
    "대응": (
        "{기관}에 {시설}의 {화제} 문제로 {민원을 넣다|도움을 청하다|문의하다+었지만} {{대응+을} 뿐-이다+과거}.",
        "그런데도 {기관}은(는) {시설} 문제를 두고 {대응+과거}.",
        "{기관}은(는) {시설} 일에 이번에도 {대응+과거}.",
        "{주민들이|참다못한 사람들이|{저희}가} {시설} 일로 {항의하자|찾아가자|따지자} {기관}은(는) {대응+과거}.",
        "{시설} 일에 {대응+는 {기관}의} 태도에 {화가 나다|할 말을 잃다|실망하다+과거}.",
    ),
    "반론": (
        "물론 {반론+ㄴ다는} {시설}의 사정은 {잘 알다|이해하다+평서}.",
        "물론 {시설}의 일을 두고 {반론+ㄴ다고} 말하는 사람도 {있다+평서}.",
        "{시설}의 {화제} 이야기를 꺼내면 {누군가는|어떤 분들은} {반론+ㄴ다고} {말하다+평서}.",
    ),
    "반박": (
        "하지만 {시설}에서 {대상}의 {안전|권리|삶|눈물}보다 {중요한|앞서는} 것은 {없다+평서}.",
        "그렇다고 {시설}의 일을 {대상}에게 참으라고만 할 수는 {없다+평서}.",
        "그러나 {시설}의 {화제} 문제에 {지금처럼|언제까지나} {손을 놓고|눈을 감고} 있을 수는 {없다+평서}.",
        "그래도 {시설}을(를) 위해 {요구+는} 일까지 미룰 수는 {없다+평서}.",
    ),
    "청원": (
        "{저}은(는) {기관}이(가) {시설} 일로 {요구+어 주기를} {간절히|진심으로} {바라다+평서}.",
        "{기관}이(가) {시설} 일로 {요구+을} 것을 {요청하다|부탁드리다+평서}.",
    ),
    "순서": (
        "{시설}의 {화제} 문제를 풀기 위해 다음 세 가지를 {요청하다|요구하다+평서}.",
        "{시설}의 일을 두고 {{저희}가|주민들이} 바라는 것은 {세 가지-이다+평서}.",
    ),
    "요구": (
        "{따라서|그러므로|이에} {기관}은(는) {시설} 일로 {{요구+어야} 하다+평서}.",
        "{부디|제발|하루빨리} {시설}을(를) 위해 {요구+부탁}.",
        "{시설}의 {화제} 문제를 풀려면 {{요구+고} {요구+어야} 하다+평서}.",
        "{시설}의 일이 되풀이되지 않도록 {요구+고} {요구+부탁}.",
        "{기관}에 {시설}을(를) 위해 {요구+을} 것을 {강력히|간곡히} {요구하다|요청하다|촉구하다+평서}.",
        "{시설}의 {대상}을(를) 위해 {요구+부탁}.",
        "{요구+는 것이} {시설}의 {대상}을(를) 지키는 {길-이다+평서}.",
    ),
    "기대": (
        "{그러면|그렇게 되면|그래야} {시설}에서 {기대+추측}.",
        "{요구+으면} {시설}에서도 {기대+추측}.",
        "{시설}에서 {요구+ㄴ다면} {기대+추측}.",
        "{시설}의 {화제} 문제가 풀리면 {기대+추측}.",
        "{시설}에서 {기대+기를} {진심으로|간절히} {바라다+평서}.",
    ),
    "마무리": (
        "{시설} 이야기를 끝까지 읽어 주셔서 {감사하다|고맙다+평서}.",
        "{시설} 문제에 {많은|더 많은} 분의 동의를 {부탁드리다|바라다+평서}.",
        "부디 {시설} {대상}의 목소리에 귀를 {기울이다+부탁}.",
        "더 늦기 전에 {시설}의 {화제} 문제에 {나서다|관심을 가지다+부탁}.",
        "{시설}의 {화제} 문제가 꼭 해결되기를 {바라다+평서}.",
    ),
}
_ORDINALS = ("첫째", "둘째", "셋째")
_TITLES = (
    "{시설}을(를) 위해 {요구+어 주세요}",
    "{시설}을(를) 위해 {요구+어 주십시오}",
    "{시설} 일로 {요구+어 주시기 바랍니다}.",
    "{시설} {대상}을(를) 위해 {요구+어 주세요}",
    "{시설} {화제} 대책을 마련해 {주십시오|주세요}",
    "{시설} {화제} 문제를 {해결해 주세요|알립니다}",
    "{시설} {화제} 문제, 더는 두고 볼 수 없습니다",
    "{시설} {화제} 문제에 대하여 {청원합니다|건의합니다}.",
    "{시설} {화제}, 이제는 바꿔야 합니다!!",
)
_PLANS = (
    "소개 화제 문제 더 경험 수치 원인 결과 대응 반론 인용 순서 요구 기대 마무리",
    "화제 소개 경험 문제 더 더 결과 대응 원인 인용 수치 요구 기대 마무리",
    "소개 경험 화제 문제 수치 더 원인 대응 결과 반론 요구 기대 요구 마무리",
    "화제 수치 문제 더 원인 결과 인용 경험 대응 소개 요구 순서 기대 마무리",
    "소개 청원 문제 더 인용 원인 수치 결과 경험 대응 반론 요구 기대 마무리",
)
_ESSENTIAL = {"문제", "요구"}
_SENTENCES_IN = {"반론": 2, "순서": 4}
_ROOM_FOR_A_LIST = 9
_CLAUSES = ("문제", "경험", "원인", "결과", "수치", "대응", "반론", "요구", "기대")
_NOUNS = ("현장", "글쓴이", "대상", "화제")
_GROUPS = ("주민 모임", "대책 위원회", "시민 모임", "피해자 모임", "시민 단체")
_WHEN = "{지난달|지난주|며칠 전|얼마 전|두 달 전|{수:2-5}년 전|올해 초|지난해 {봄|여름|가을|겨울}|지난해 {수:1-12}월|지난 {수:1-12}월}"


def write_petition(rng: random.Random, lexicon: Lexicon, number: int) -> dict[str, str | int]:
    """One petition with the archive's keys, in the archive's order; `number` becomes part of its identifier."""
    topic = topics()[likely_first(rng, list(topics()))]
    style = rng.choices(list(_REGISTERS), weights=[weight for weight, _ in _REGISTERS.values()])[0]
    composer = Composer(
        rng, _slots(rng, lexicon, topic, style), {name: topic[name] for name in _CLAUSES}, _REGISTERS[style][1]
    )
    title = composer.write(likely_first(rng, _TITLES))
    sentences = _sentences(rng, composer, rng.randint(5, 14))
    begin = date(2017, 8, 19) + timedelta(days=number // 2)
    magnitude = rng.choices((1, 2, 3, 4, 5), weights=(20, 40, 25, 12, 3))[0]
    agreed = rng.randrange(10**magnitude, 4 * 10**magnitude)
    return {
        "category": topic["분류"][0],
        "begin": begin.isoformat(),
        "end": (begin + timedelta(days=30)).isoformat(),
        "content": _flatten(rng, sentences),
        "num_agree": agreed,
        "petition_idx": str(1_000_001 + 7 * number),
        "status": "브리핑" if agreed >= 200_000 else "청원종료",
        "title": title,
    }


def _slots(rng: random.Random, lexicon: Lexicon, topic: dict[str, list[str]], style: str) -> dict[str, str]:
    """What stays the same throughout one petition: the scene, who answers for it, whom it hurts, who writes."""
    scene = rng.choice(lexicon.of_kind(topic["시설"][0]))
    district = (scene if isinstance(scene, Place) else scene.location).district
    towns = [town.full_name for town in lexicon.towns_of(district)]
    return {
        **{name: likely_first(rng, topic[name]) for name in _NOUNS},
        "시설": scene.name,
        "이곳": topic["이곳"][0],
        "기관": topic["기관"][0],
        "곳": rng.choice(towns or [district.name]),
        "지역": district.name,
        "지역이름": district.root,
        "이름": rng.choice(lexicon.persons).name,
        "모임": likely_first(rng, _GROUPS),
        "때": _WHEN,
        "저": "나" if style == "plain" else "저",
        "저희": "우리" if style == "plain" else "저희",
        "아시나요": _DO_YOU_KNOW[style],
    }


def _sentences(rng: random.Random, composer: Composer, length: int) -> list[str]:
    """`length` sentences, or one fewer, in the order of one of the plans, thinned out to what there is room for."""
    plan = [step for step in likely_first(rng, _PLANS).split() if step != "순서" or length >= _ROOM_FOR_A_LIST]
    optional = [step for step in plan if step not in _ESSENTIAL and step != "순서"]
    rng.shuffle(optional)
    while (planned := sum(_SENTENCES_IN.get(step, 1) for step in plan)) > length:
        plan.remove(optional.pop())
    sentences = [likely_first(rng, _FRAMES["인사"])] if rng.random() < 0.5 and planned < length else []
    for step in plan:
        sentences.append(likely_first(rng, _FRAMES[step]))
        if step == "반론":
            sentences.append(likely_first(rng, _FRAMES["반박"]))
        elif step == "순서":
            sentences += [ordinal + ", {요구+요구}." for ordinal in _ORDINALS]
    return [_once(composer.write(sentence), agree(composer.slots["대상"] + "이(가) ")) for sentence in sentences]


def _once(sentence: str, subject: str) -> str:
    """`sentence` without the second mention of its subject, which Korean leaves out: 아이들이 다치고 (아이들이) 학교에 못 간다."""
    before, found, after = sentence.partition(subject)
    return before + found + after.replace(subject, "")


def _flatten(rng: random.Random, sentences: list[str]) -> str:
    """The sentences as one line, as the archive keeps them; one petition in five is punctuated carelessly."""
    careless = rng.random() < 0.2
    text = sentences[0]
    for sentence in sentences[1:]:
        if careless:
            text = _blur(rng, text)
        text += sentence if text[-1] in ".!?" and careless and rng.random() < 0.25 else " " + sentence
    return text


def _blur(rng: random.Random, text: str) -> str:
    """`text` without its full stop, or with one of the marks that people put in its place."""
    if not text.endswith(".") or rng.random() < 0.45:
        return text
    return text[:-1] + rng.choice(("", "", "", "..", "...", "!!", "!", "ㅠㅠ", " ㅠㅠ"))
