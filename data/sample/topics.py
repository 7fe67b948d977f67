"""The topics of the sample's petitions: what each is about, who writes, what is wrong, why, and what is asked for.

A topic is a block of word lists in the notation of `data.sample.grammar`; the words themselves stand in `data.sample.topics_living` and
`data.sample.topics_society`, so that someone who knows no Python can add to them. The lists of a topic:

    분류 (the archive's category)   시설 (the kind of place or organisation it is about)   기관 (who is responsible)   이곳 (how to point back)
    현장 글쓴이 대상 화제           noun phrases: the scene, the writer, those affected, the theme
    문제 경험 원인 결과 수치 대응 반론 요구 기대   clauses: problems, the writer's experience, causes, effects, figures, what the authorities did,
                                     what may be said against it, demands, hopes
"""

from functools import lru_cache

from data.sample import topics_living, topics_society
from data.sample.grammar import parse_blocks


@lru_cache(maxsize=1)
def topics() -> dict[str, dict[str, list[str]]]:
    """Every topic's lists, by the topic's heading."""
    return parse_blocks(topics_living.TEXT) | parse_blocks(topics_society.TEXT)
