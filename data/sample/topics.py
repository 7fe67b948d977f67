"""The topics of the sample's petitions: what each is about, who writes, what is wrong, why, and what is asked for.

A topic is a block of lists in `words/petition_topics_*.yaml`:

    분류 (the archive's category)   시설 (the kind of place or organisation it is about)   기관 (who is responsible)   이곳 (how to point back)
    현장 글쓴이 대상 화제           noun phrases: the scene, the writer, those affected, the theme
    문제 경험 원인 결과 수치 대응 반론 요구 기대   clauses: problems, the writer's experience, causes, effects, figures, what the authorities did,
                                     what may be said against it, demands, hopes
"""

from data.sample.vocabulary import Blocks, read_words


def topics() -> Blocks:
    """Every topic's lists, by the topic's heading."""
    return read_words("petition_topics_living") | read_words("petition_topics_society")
