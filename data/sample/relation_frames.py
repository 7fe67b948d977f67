"""The sentences of the sample's relations: phrases about somebody or something, and scenes that bring strangers together.

The notation is that of `data.sample.grammar`, with slots that are entities:

    {p}             somebody by name; q and r are others, o and k organisations, and none of them has to do with another
    {p.employer}    a fact of the lexicon, which the sentence states by naming it: the attribute is the relation
    {p.child2}      another one of the same
    {p+소개}        in a scene: a noun phrase from the list 소개 that ends in p, or from 생몰 (내력 for organisations), which adds dates
    {p+고}          in a scene: what p did, from the list 생애 (연혁 for organisations), with an ending: 고, 으며, 는데, 지만, 다
    {x} {d} {n} {e} a place, a date, a number and a festival that mean nothing to anybody here
    {보도|인도}     one of the alternatives

so that the scene "{p+소개}은(는) {o+소개}을(를) {d} 방문했다." becomes "가수 명누봄은 황새벌시에 있는 새솔병원을 2013년에 방문했다."; 명누봄 and 가수 are
per:title in it, 새솔병원 and 황새벌시 org:place_of_headquarters. Phrases are written for p and o, and stand for whichever role a scene gives
them; predicates are listed in the order in which a life goes. A line that ends in * is kept from the training rows, so that part of
the development rows are said in a way that no training row is.
"""

PHRASES = """
# p 소개
{p}
{p.title} {p}
{p.employer} {p.title} {p}
{p.employer} 소속 {p.title} {p}
{p.employer}의 {p}
{p}({p.employer})
{p.title} {p}({p.employer})
{p}({p.employer}·{p.title})
{p.employer}에 {몸담은|적을 둔} {p.title} {p}
{p.employer} 시절의 {p}
{p.employer}이(가) 자랑하는 {p.title} {p} *
{p.employer} 사람인 {p} *
{p.leads} {p.post} {p}
{p.leads} {p} {p.post}
{p.leads}의 {p.post}인 {p}
{p.leads}을(를) 이끄는 {p}
{p.post}(으)로서 {p.leads}을(를) 맡아 온 {p} *
{p.hometown} 출신 {p.title} {p}
{p.hometown} 출신의 {p}
{p.hometown} 출신인 {p.employer} {p.title} {p}
{p}({p.hometown} 출신)
{p.country}의 {p.title} {p}
{p.country} {p.title} {p}
{p.country} 국적의 {p}
{p.country} 출신 {p.title} {p}
{p.hometown} 토박이인 {p.title} {p} *
{p.country}을(를) 대표하는 {p.title} {p} *
{p}({p.alias})
{p.title} {p}({예명|별칭|호} {p.alias})
“{p.alias}”(으)로 {불리는|알려진} {p}
“{p.alias}”(이)라는 이름으로 활동한 {p.title} {p}
{p.alias}(본명 {p})
{p}, 일명 “{p.alias}”
“{p.alias}”(이)라는 별칭을 가진 {p.title} {p} *
{p.alias}, 본명 {p} *
{p.school} 출신의 {p}
{p.school}을(를) 나온 {p.title} {p}
{p.school}에서 공부한 {p}
{p.school} 졸업생인 {p.title} {p}
{p.school} 동문인 {p} *
《{p.work}》의 {p.title} {p}
《{p.work}》을(를) {내놓은|발표한} {p.title} {p}
《{p.work}》(으)로 이름난 {p}
《{p.work}》의 {p}
《{p.work}》, 《{p.work2}》 등을 남긴 {p} *
{p.residence}에 사는 {p.title} {p}
{p.residence}에 집을 둔 {p}
{p}({p.residence} 거주)
{p.residence} 주민인 {p.title} {p}
{p.residence}에 머물러 온 {p} *
{p.religion} 신자인 {p.title} {p}
{p.religion}을(를) 믿는 {p}
독실한 {p.religion} 신자 {p}
{p.religion} 신앙을 지닌 {p.title} {p} *
{p.father}의 자녀인 {p}
{p.mother}의 자녀인 {p.title} {p}
{p.fathered}의 아버지인 {p}
{p.mothered}의 어머니인 {p.title} {p}
{p.child}의 부모인 {p} *
{p.mother}을(를) 어머니로 둔 {p} *
{p.spouse}의 배우자인 {p}
{p.wife}의 남편인 {p.title} {p}
{p.husband}의 아내인 {p}
{p.spouse}과(와) 부부인 {p.title} {p}
{p.spouse.title} {p.spouse}과(와) 결혼한 {p}
{p.spouse}과(와) 백년가약을 맺은 {p} *
{p.spouse}과(와) 한집을 이룬 {p.title} {p} *
{p.older}의 동생인 {p}
{p.younger}을(를) 동생으로 둔 {p.title} {p}
{p.older}과(와) 한 부모 밑에서 자란 {p} *
{p.grandfather}의 손주인 {p}
할아버지 {p.grandfather}을(를) 따른 {p}
할머니 {p.grandmother} 밑에서 큰 {p.title} {p}
{p.grandchild}을(를) 손주로 둔 {p.title} {p}
{p.nephew}을(를) 조카로 둔 {p}
{p.father_in_law}의 며느리인 {p}
{p.daughter_in_law}을(를) 며느리로 맞은 {p}
시어머니 {p.mother_in_law}을(를) 모신 {p} *
{p.colleague}의 동료인 {p.title} {p}
동료 {p.colleague}과(와) {호흡을 맞춰|손발을 맞춰} 온 {p}
{p.employer}에서 {p.colleague}과(와) 함께 일한 {p}
{p.colleague}과(와) 같은 부서에 있던 {p} *
{p.foundation} 설립자 {p}
{p.foundation}을(를) 세운 {p.title} {p}
{p.foundation} 창립자로 알려진 {p}
{p.foundation}의 주춧돌을 놓은 {p} *
{p.birthplace}에서 태어난 {p.title} {p}
{p.birth_year}생 {p.title} {p}

# p 생몰
{p}({p.born} ~ )
{p}({p.born} ~ {p.died})
{p}({p.born}, {p.birthplace} ~ )
{p}({p.born} {p.birthplace} ~ {p.died} {p.deathplace})
{p.title} {p}({p.birth_year} ~ {p.death_year})
{p}({p.alias}, {p.born} ~ {p.died})
{p.alias}(본명 {p}, {p.born} ~ )
{p.employer} {p.title} {p}({p.birth_year}~{p.death_year})
{p.born}생인 {p.title} {p}
{p.died} 타계한 {p.title} {p}
{p.death_year}에 세상을 떠난 {p}
{p.died} 별세한 {p}
{p.birthplace} 태생의 {p}
{p.title} {p}(생년월일 {p.born}) *
고 {p}({p.died} 작고) *
{p}(출생 {p.born} {p.birthplace}) *

# p 생애
{p.born} {p.birthplace}에서 태어났
{p.birthplace}에서 {p.father}의 자녀로 태어났
{p.father}과(와) {p.mother} 사이에서 태어났
{p.born} 아버지 {p.father}과(와) 어머니 {p.mother} 사이에서 태어났
{p.born}에 태어났
{p.birthplace}에서 {p.birth_year}에 태어났
{p.birth_year} {p.mother}의 자녀로 세상에 나왔
{p.birthplace}에서 첫울음을 터뜨렸 *
{p.born}을(를) 생일로 두었 *
할아버지 {p.grandfather}에게서 글을 배웠
할머니 {p.grandmother}의 손에서 자랐
{p.older}을(를) 손위로 두고 자랐
동생 {p.younger}과(와) 함께 어린 시절을 보냈
동생 {p.younger}의 학비를 대 주었
{p.older}의 동생으로 자랐
{p.school}을(를) 졸업했
{p.school}에서 {공부했|배웠}
{p.school}에 들어가 학업을 마쳤
{p.school} 졸업장을 받았 *
{p.title} 생활을 시작했
{p.title}(으)로 이름을 알렸
{p.title}의 길을 걸었
{p.title}이자 이웃의 벗으로 살았
{p.title}(으)로 한평생을 보냈 *
{p.employer}에 들어갔
{p.employer}에서 일했
{p.employer}에서 {p.title}(으)로 {일했|활동했}
{p.employer}에서 이름을 알렸
{p.employer} 소속으로 활동했
{p.employer}에 몸담았
{p.employer}의 한 식구가 됐 *
{p.employer} {p.title}(으)로 자리를 잡았 *
{p.employer}에서 {p.colleague}과(와) 함께 일했
동료 {p.colleague}과(와) {p.employer}에서 한솥밥을 먹었
{p.colleague}과(와) 동료로 지냈
{p.colleague}의 직장 동료로 일했
{p.colleague}과(와) 한 팀에서 손발을 맞췄 *
{p.leads}의 {p.post}을(를) 맡았
{p.leads}을(를) 이끌었
{p.leads} {p.post} 자리에 올랐
{p.post}(으)로서 {p.leads}의 살림을 맡았
{p.leads}의 새 수장이 됐 *
{p.foundation}을(를) 세웠
{p.foundation}을(를) 설립해 키워 냈
사재를 털어 {p.foundation}을(를) 만들었 *
{p.alias}(이)라는 이름으로 활동했
“{p.alias}”(이)라는 필명으로 글을 썼
이름을 {p.alias}(으)로 바꾸어 활동했
사람들에게 “{p.alias}”(으)로 통했
스스로를 {p.alias}(이)라 불렀 *
《{p.work}》을(를) {발표했|선보였|내놓았}
{p.employer}에서 《{p.work}》을(를) {발표했|선보였}
《{p.work}》(으)로 상을 받았
《{p.work}》, 《{p.work2}》 등을 남겼
《{p.work}》 한 편에 온 힘을 쏟았 *
{p.spouse}과(와) 결혼했
{p.spouse.title} {p.spouse}과(와) 결혼했
{p.spouse}을(를) 배우자로 맞았
{p.spouse}과(와) 가정을 이루어 {p.child}을(를) 두었
아내 {p.wife}과(와) {p.child}을(를) 키웠
남편 {p.husband}과(와)의 사이에서 {p.child}을(를) 얻었
{p.spouse}과(와) 혼례를 올렸 *
{p.spouse}을(를) 평생의 반려로 삼았 *
슬하에 {p.child}을(를) 두었
슬하에 {p.child}과(와) {p.child2}을(를) 두었
{p.child}의 부모가 됐
{p.child}에게 가업을 물려주었 *
{p.grandchild}을(를) 손주로 두었
조카 {p.nephew}을(를) 친자식처럼 돌봤
시아버지 {p.father_in_law}을(를) 모시고 살았
며느리 {p.daughter_in_law}과(와) 가깝게 지냈
손주 {p.grandchild}에게 재산을 물려주었 *
{p.religion} 신자가 됐
{p.religion}에 귀의했
{p.religion}을(를) 믿었
{p.religion} 신앙을 평생 지켰 *
{p.residence}에 터를 잡았
{p.residence}(으)로 집을 옮겼
{p.residence}에 살림집을 마련했
{p.residence}에서 살았
{p.residence}에 보금자리를 꾸몄 *
{p.died} {p.deathplace}에서 {숨졌|세상을 떠났}
{p.deathplace}에서 {p.died} 숨을 거두었
{p.died}에 {별세했|숨졌}
{p.deathplace}에서 생을 마쳤
{p.death_year} 지병으로 {p.deathplace}에서 숨졌
{p.died} 배우자 {p.spouse}의 곁에서 눈을 감았
{p.deathplace}에서 마지막 숨을 내쉬었 *
{p.died} 영면에 들었 *

# o 소개
{o}
{o}({o.alias})
{o}({약칭|이하} {o.alias})
{o}, 줄여서 {o.alias}
{o.alias}(정식 이름 {o})
흔히 {o.alias}(이)라 부르는 {o}
{o.location}의 {o.alias}({o})
“{o.alias}”(이)라는 줄임말로 통하는 {o} *
{o}(통칭 {o.alias}) *
{o.location}의 {o}
{o.location}에 있는 {o}
{o.location}에 자리한 {o}
{o}({o.location})
{o.location}에 본부를 둔 {o}
{o.location} 소재 {o}
{o.location}에 둥지를 튼 {o} *
{o.parent} 소속 {o}
{o.parent}에 {가입한|속한} {o}
{o.parent} 회원 단체인 {o}
{o.parent} 산하의 {o}
{o.parent}에 이름을 올린 {o}({o.alias})
{o.parent} 회원 단체로 {o.location}에 있는 {o}
{o.parent}의 일원인 {o} *
{o}({o.parent} 가입 단체) *
{o.member}이(가) 속한 {o}
{o.member}을(를) 회원으로 둔 {o}
{o.member}, {o.member2} 등이 가입한 {o}
{o}({o.member} 등)
{o.member}의 상급 단체인 {o} *
{o}({o.head.post} {o.head})
{o.head}이(가) 이끄는 {o}
{o.head}을(를) {o.head.post}(으)로 둔 {o}
{o.head} {o.head.post}의 {o}
{o.staff}이(가) 속한 {o}
{o.staff.title} {o.staff}이(가) 몸담은 {o}
{o.staff} 등을 거느린 {o}
{o.staff}의 직장인 {o}
{o.staff}이(가) 자리를 지켜 온 {o} *
{o.head}을(를) 수장으로 하는 {o} *
{o.founder}이(가) 세운 {o}
{o.founded} 문을 연 {o}
{o.founding_year}에 설립된 {o}
{o.founding_year} {o.founder}이(가) 설립한 {o}
{o}({o.founding_year} 설립)
{o.founder}을(를) 창립자로 기리는 {o} *
{o.founding_year}에 첫걸음을 뗀 {o} *
{o.affiliation}을(를) 신조로 삼는 {o}
{o}({o.affiliation})
{o.affiliation} 계열의 {o}
{o.affiliation}을(를) 따르는 {o}
{o.affiliation}을(를) 바탕으로 삼는 {o} *
구성원 {o.employees}의 {o}
{o.employees}이(가) 일하는 {o}
구성원이 {o.employees}인 {o}
{o.employees}의 식구를 거느린 {o} *
{o.product}을(를) 만드는 {o}
“{o.product}”(으)로 알려진 {o}
“{o.product}”, “{o.product2}” 등을 파는 {o}
《{o.publication}》을(를) 내놓은 {o}
“{o.product}”의 제조사인 {o} *

# o 내력
{o}({o.founded} ~ {o.dissolved})
{o}({o.founding_year} 설립, {o.closing_year} 해산)
{o.dissolved} 문을 닫은 {o}
{o.closing_year}에 해산한 {o}
{o}({o.founded} 설립)
{o.founded} {o.location}에 들어선 {o}
{o.dissolved} 간판을 내린 {o} *
{o}(설립일 {o.founded}) *

# o 연혁
{o.founded} {o.location}에서 {출범했|문을 열었}
{o.founded} {o.founder}의 주도로 설립됐
{o.founded}에 첫발을 내디뎠
{o.founder}의 손으로 세워졌
{o.founder}이(가) 사재를 털어 세웠
{o.founding_year} 설립됐
{o.founded}을(를) 창립일로 삼았 *
{o.founder}의 발기로 출범했 *
{o.alias}(이)라는 약칭을 {썼|내걸었}
이름을 {o.alias}(으)로 줄여 불렀
“{o.alias}”(으)로 더 널리 알려졌
{o.alias}(이)라는 이름을 상표로 삼았 *
본부를 {o.location}에 두었
{o.location}에 터를 잡았
{o.location}에 본관을 지었
{o.location}을(를) 근거지로 삼았 *
{o.parent}에 가입했
{o.parent}의 회원이 됐
{o.parent}의 회원 단체로 활동했
{o.parent} 산하로 들어갔
{o.parent}의 문을 두드려 일원이 됐 *
{o.member}을(를) 회원으로 받아들였
{o.member}과(와) {o.member2} 등을 산하에 두었
{o.member}의 가입을 승인했
{o.member}을(를) 품에 안았 *
{o.affiliation}을(를) {따랐|신조로 삼았}
{o.affiliation} 계열로 분류됐
{o.affiliation}을(를) 뿌리로 삼았 *
구성원이 {o.employees}(으)로 늘었
구성원 수가 {o.employees}에 이르렀
{o.employees}을(를) 거느린 조직으로 컸 *
{o.head}을(를) {o.head.post}(으)로 뽑았
{o.head}에게 {o.head.post} 자리를 맡겼
{o.staff}을(를) 영입했
{o.staff.title} {o.staff}을(를) 맞아들였
{o.staff}의 활약으로 이름을 알렸
{o.staff}과(와) {o.staff2}을(를) 거느렸
{o.staff}을(를) 새 식구로 맞았 *
{o.head}을(를) {o.head.post}(으)로 세웠 *
“{o.product}”을(를) {내놓았|선보였}
“{o.product}”, “{o.product2}” 등을 만들었
《{o.publication}》을(를) 세상에 내놓았
“{o.product}”의 생산을 시작했 *
{o.dissolved} {문을 닫았|해산했}
{o.closing_year} 경영난으로 문을 닫았
끝내 {o.dissolved} 해체됐
{o.dissolved} 간판을 내렸 *
"""

SCENES = """
{p+소개}은(는) {p+고}, {q+소개}은(는) {q+다}.
{p+소개}은(는) {p+으며}, {q+소개}은(는) {q+다}.
{p+소개}은(는) {p+다}. 한편 {q+소개}은(는) {q+다}.
{p+생몰}은(는) {p+고}, {q+생몰}은(는) {q+다}.
{p+생몰}은(는) {p+고} {p+다}. 한편 {q+소개}은(는) {q+다}.
{q+소개}의 회고록에 따르면 {p+소개}은(는) {p+고} {p+다}.
{p+소개}은(는) {p+고}, {o+소개}은(는) {o+다}.
{o+소개}은(는) {o+는데}, {p+소개}이(가) 그 과정을 책으로 남겼다.
{o+소개}은(는) {o+고}, {k+소개}은(는) {k+다}.
{o+내력}은(는) {o+으며}, {k+소개}은(는) {k+다}.
{o+내력}은(는) {o+지만}, {k+내력}은(는) {k+다}.
{k+소개}이(가) 펴낸 연감에 따르면 {o+소개}은(는) {o+고} {o+다}.
{o+소개}의 기록에는 {p+생몰}과(와) {q+생몰}의 이름이 나란히 적혀 있다.
{o+소개}에서 열린 전시회에서는 {p+생몰}과(와) {q+소개}이(가) 남긴 편지가 나란히 공개됐다.
{p+생몰}은(는) {q+소개}의 책을 읽고 큰 영향을 받은 것으로 전해진다.
{d} {x}에서 열린 {토론회|강연회|기념행사}에서 {p+소개}이(가) {q+소개}을(를) 소개했다.
{p+소개}은(는) {q+소개}을(를) {d} {x}에서 {만났다|처음 만났다|우연히 만났다}.
{p+소개}은(는) {o+소개}이(가) {d}에 연 {강연회|음악회|바자회}에 {q+소개}을(를) 초대했다.
{o+소개}은(는) {k+소개}과(와) {d} {업무 협약을|공동 사업 협약을} {맺었다|체결했다}.
{o+소개}이(가) {d} {x}에서 연 {설명회|발표회}에는 {p+소개}, {q+소개} 등 {n}이(가) 참석했다.
{p+소개}은(는) {d} 기자 회견에서 {o+소개}의 계획을 {비판했다|반겼다}.
{o+소개}은(는) {p+소개}에게 {d} {x}에서 {감사패를|공로상을|장학 증서를} {건넸다|전했다}.
{o+소개}이(가) {k+소개}을(를) 상대로 낸 소송에서 {p+소개}이(가) 증인으로 나섰다.
{p+소개}과(와) {x}에서 마주 앉은 {q+소개}은(는) {o+소개} 문제를 두고 {d} 긴 이야기를 나눴다.
{d} 《{e}》의 개막식에는 {p+소개}, {q+소개}, {r+소개} 등이 모습을 드러냈다.
{p+소개}, {q+소개}, {r+소개} 등 {n}은(는) {d} {x}에 모여 {성명을 냈다|뜻을 모았다}.
{d} 《{e}》에서 {o+소개}은(는) {k+소개}보다 많은 관객을 모았다.
《{e}》을(를) 후원한 {o+소개}은(는) {k+소개}에 {d} {x}에서 감사의 뜻을 전했다.
{o+소개}의 후원금은 {k+소개}에 {d} 전달됐으며, {p+소개}이(가) 이 소식을 알렸다.
{p+소개}이(가) 쓴 글을 읽은 {q+소개}은(는) {d} 신문에 긴 답글을 실었다.
{p+소개}은(는) {d} {x}에 나무를 심었고, {o+소개}은(는) {p}의 이름을 새긴 팻말을 세웠다.
{o+소개}은(는) {k+소개}의 제안을 {d} 거절했는데, {o}의 결정에는 {p+소개}의 충고가 있었다.
{p+소개}을(를) {d} {x}에서 취재한 {q+소개}은(는) “{p}의 말이 오래 기억에 남는다”고 전했다.
{p+소개}은(는) {q+소개}을(를) 찾아갔다.
{o+소개}은(는) {k+소개}과(와) 손을 잡았다.
{o+소개}의 초청을 받은 {p+소개}은(는) {q}에게 편지를 썼다.
{p+소개}은(는) {o+소개}을(를) {d} 방문했다.
{o+소개}과(와) {k+소개}이(가) {d} {x}에서 함께 연 행사에서는 {p+소개}이(가) 사회를 보고 {q+소개}이(가) 축하의 말을 전했다.
{d} 열린 {p+소개}의 강연이 끝난 뒤 {x}에는 {n}이(가) 남아 {q+소개}의 질문에 귀를 기울였고, {o+소개}에서 나온 사람들은 {k+소개}의 소식을 전했다.
{p+소개}은(는) {p+다}. 그 무렵 {x}에서는 {n}이(가) 모인 《{e}》이(가) 한창이었고, {q+소개}은(는) {q+고} {o+소개}은(는) {o+다}.
{o+소개}은(는) {o+고} {o+다}. 같은 무렵 {k+소개}은(는) {k+다}고 {p+소개}이(가) 전했다.
{p+생몰}은(는) {p+으며} {p+다}. {d} 《{e}》이(가) {x}에서 처음 열렸을 때에는 {q+소개}이(가) {n} 앞에서 {r+소개}의 글을 읽었고, {o+소개}에서는 이를 책으로 묶어 {k+소개}에 보냈다. {p}에 관한 이야기도 그 책에 실려 있다.
{o+내력}은(는) {o+으며} {o+다}. {d} {x}에서 열린 《{e}》에는 {p+소개}, {q+소개}, {r+소개} 등 {n}이(가) 찾아와 {o}의 지난날을 돌아보았고, {k+소개}도 축하의 뜻을 전했다.
{d} {x}에서는 작은 모임이 열렸다. {o+소개}이(가) 마련하고 {p+소개}이(가) 사회를 본 이 자리에서 {q+소개}은(는) 오래전 이야기를 꺼냈고, {r+소개}은(는) {k+소개}의 앞날을 걱정했다. {p}은(는) {p+고} {p+다}.
{p+소개}에 이어 {q+소개}이(가) {d} {x}의 연단에 올라 {n} 앞에서 {o+소개}의 앞날을 이야기했다. *
{o+소개}은(는) {p+소개}의 제안을 받아들여 {k+소개}에 {d} 책을 보냈다. *
{p+소개}이(가) {d} {x}에 내건 현수막을 두고 {q+소개}은(는) 불편한 마음을 감추지 않았다. *
{q+생몰}보다 먼저 이름을 알린 {p+소개}은(는) {p+고} {p+다}. *
"""
