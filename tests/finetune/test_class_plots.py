"""Plots of relations: every row is counted somewhere, right and wrong look different, nothing is left out without a word."""

from collections import Counter

import numpy as np
import pytest
from matplotlib.colors import to_rgb

import experiment.figures
from experiment.plots import COLOURS
from finetune.class_metrics import ClassScores, class_metrics, class_scores
from finetune.class_plots import (
    MOST_CURVES,
    MOST_LABELS,
    plot_classes,
    plot_confusion,
    plot_f1,
    plot_precision_recall,
)
from finetune.class_predictions import ClassPredictions


def answered(pairs, labels):
    """ClassPredictions from (gold label, answer) pairs."""
    rows = np.array([[float(label == answer) for label in labels] for _, answer in pairs])
    ids = [str(number) for number in range(len(pairs))]
    return ClassPredictions(ids, list(labels), rows, [gold for gold, _ in pairs], [None] * len(pairs))


def numbers(axes):
    """The numbers in the cells of a confusion matrix, by row and column."""
    return {(int(text.get_position()[1]), int(text.get_position()[0])): text.get_text() for text in inside(axes)}


def inside(axes):
    return [text for text in axes.texts if not hasattr(text, "xycoords")]


def beside(axes, row):
    return [text.get_text() for text in axes.texts if hasattr(text, "xycoords") and text.xy[1] == row]


def names(axis):
    return [tick.get_text() for tick in axis.get_ticklabels()]


def notes(figure):
    return " ".join(text.get_text().replace("\n", " ") for text in figure.texts)


FEW = ["no_relation", "per:spouse", "per:title"]
PAIRS = [("no_relation", "no_relation")] * 3 + [
    ("per:title", "per:title"),
    ("per:title", "no_relation"),
    ("per:spouse", "per:title"),
]


def test_a_png_file_is_written_or_none(tmp_path):
    path = tmp_path / "plots" / "a.png"
    some, nothing = answered(PAIRS, FEW), answered([(None, "per:title")], FEW)
    drawings = (
        (lambda: plot_confusion(some, path), lambda: plot_confusion(nothing, path)),
        (
            lambda: plot_f1(class_scores(some.probabilities, some.gold, FEW), FEW, path, "relation"),
            lambda: plot_f1([], FEW, path, "relation"),
        ),
        (lambda: plot_precision_recall(some, path), lambda: plot_precision_recall(nothing, path)),
        (
            lambda: plot_classes({"train": some.gold, "dev": []}, FEW, path, "relation"),
            lambda: plot_classes({"test": [None]}, FEW, path, "relation"),
        ),
    )
    for draw, draw_nothing in drawings:
        assert draw_nothing() is False and not path.exists()
        assert draw() is True and path.read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
        path.unlink()


def test_confusion_counts_rows_by_label_and_answer(tmp_path, drawn):
    plot_confusion(answered([*PAIRS, (None, "per:spouse")], FEW), tmp_path / "a.png")
    (axes,) = drawn[0].axes
    assert names(axes.yaxis) == names(axes.xaxis) == ["no_relation", "per:title", "per:spouse"]  # by rows
    assert numbers(axes) == {(0, 0): "3", (1, 1): "1", (1, 0): "1", (2, 1): "1"}
    assert beside(axes, 0) == ["100 %", "3"] and beside(axes, 1) == ["50 %", "2"] and beside(axes, 2) == ["0 %", "1"]


def test_right_is_blue_wrong_is_orange_and_the_row_decides_how_deep(tmp_path, drawn):
    plot_confusion(answered(PAIRS, FEW), tmp_path / "a.png")
    (cells,) = drawn[0].axes[0].collections
    colours = cells.get_facecolor()[:, :3].reshape(3, 3, 3)
    np.testing.assert_allclose(colours[0, 0], to_rgb(COLOURS[0]), atol=1e-6)  # all of its row
    np.testing.assert_allclose(colours[2, 1], to_rgb(COLOURS[1]), atol=1e-6)
    np.testing.assert_allclose(colours[0, 1], (1, 1, 1))
    assert (colours[1, 1] > colours[0, 0]).any() and (colours[1, 1] < 1).any()


def many(groups=("org", "per"), each=10):
    labels = ["no_relation", *(f"{group}:{number}" for group in groups for number in range(each))]
    pairs = [(label, label) for number, label in enumerate(labels) for _ in range(number + 1)]
    return labels, pairs


def test_labels_stand_by_group_and_rows(tmp_path, drawn):
    labels, pairs = many()
    plot_confusion(answered(pairs, labels), tmp_path / "a.png")
    (axes,) = drawn[0].axes
    downwards = [str(number) for number in reversed(range(10))]
    assert names(axes.yaxis) == ["no_relation", "per:", *downwards, "org:", *downwards]
    counts = numbers(axes)
    assert counts.keys() == {(row, row) for row in range(23)} - {(1, 1), (12, 12)}
    assert sum(map(int, counts.values())) == len(pairs)


def test_small_shares_have_no_number_in_a_large_matrix(tmp_path, drawn):
    labels, pairs = many()
    pairs += (
        [("no_relation", "no_relation")] * 97
        + [("no_relation", labels[1]), ("no_relation", labels[2])]
        + [("no_relation", labels[3])] * 8
    )
    plot_confusion(answered(pairs, labels), tmp_path / "a.png")
    shown = [text for (row, _), text in numbers(drawn[0].axes[0]).items() if row == 0]
    assert sorted(shown) == ["8", "98"] and "below 5 %" in notes(drawn[0])


def test_of_many_labels_the_rarest_become_one(tmp_path, drawn):
    labels, pairs = many(each=30)
    pairs.append(("org:0", "org:1"))
    plot_confusion(answered(pairs, labels), tmp_path / "a.png")
    (axes,) = drawn[0].axes
    shown = names(axes.yaxis)
    assert shown[-2:] == ["", "others"] and len([name for name in shown if name and name[-1] != ":"]) == MOST_LABELS
    rest = sum(Counter(gold for gold, _ in pairs)[label] for label in labels[:22])
    others = len(shown) - 1
    assert beside(axes, others) == ["–", str(rest)]
    assert numbers(axes)[others, others] == str(rest)
    assert f"22 labels with fewest rows; {rest - 1} of these {rest} rows are right" in notes(drawn[0])
    assert sum(int(text) for text in numbers(axes).values()) == len(pairs)


def test_labels_that_nothing_has_are_left_out_and_counted(tmp_path, drawn):
    plot_confusion(
        answered([("per:title", "per:spouse"), ("per:origin", "per:title")], [*FEW, "per:child"]), tmp_path / "a.png"
    )
    assert names(drawn[0].axes[0].yaxis) == ["per:title", "per:origin", "per:spouse"]
    assert "2 of 5 labels have neither a row nor an answer" in notes(drawn[0])


def test_large_counts_fit_their_cells(tmp_path, drawn):
    for count, text in ((999, "999"), (1000, "1.0k"), (9949, "9.9k"), (9950, "10k"), (123_456, "123k")):
        plot_confusion(answered([("a", "a")] * count, ["a", "b"]), tmp_path / "a.png")
        assert numbers(drawn[-1].axes[0]) == {(0, 0): text}
        assert beside(drawn[-1].axes[0], 0)[1] == f"{count:,}"


def test_f1_bars_and_marks(tmp_path, drawn):
    scores = [
        ClassScores("per:title", 0.5, 1.0, 2 / 3, 1200, 2400, 0.7),
        ClassScores("per:child", 0.0, 0.0, 0.0, 3, 0, 0.1),
        ClassScores("per:origin", 0.0, 0.0, 0.0, 0, 2, 0.5),
    ]
    plot_f1(scores, FEW, tmp_path / "a.png", "relation")
    (axes,) = drawn[0].axes
    assert [bar.get_width() for bar in axes.patches] == pytest.approx([200 / 3, 0, 0])
    precision, recall = (line.get_xdata().tolist() for line in axes.lines)
    # Where nothing was answered there is no precision, and where there are no rows no recall.
    np.testing.assert_array_equal(precision, [50, np.nan, 0])
    np.testing.assert_array_equal(recall, [100, 0, np.nan])
    assert beside(axes, 0) == ["66.7", "1,200"] and names(axes.yaxis) == ["per:title", "per:child", "per:origin"]
    assert axes.get_ylim()[0] > axes.get_ylim()[1]  # the first one on top


def test_f1_of_many_relations(tmp_path, drawn):
    scores = [ClassScores(f"per:{n}", 0.5, 0.5, 0.5, 100 - n, 9, 0.5) for n in range(50)]
    plot_f1(scores, [], tmp_path / "a.png", "relation")
    assert len(drawn[0].axes[0].patches) == MOST_LABELS
    assert "10 relations, with at most 61 rows each" in notes(drawn[0])


def test_precision_and_recall_of_the_most_frequent(tmp_path, drawn):
    rng = np.random.default_rng(0)
    labels = [f"per:{number}" for number in range(20)]
    gold = [labels[min(19, number)] for number in rng.geometric(0.2, 400)]
    probabilities = rng.dirichlet(np.full(20, 0.3), 400)
    ids = [str(number) for number in range(401)]
    some = ClassPredictions(ids, labels, np.vstack([probabilities, probabilities[:1]]), [*gold, None], [None] * 401)
    plot_precision_recall(some, tmp_path / "a.png")
    shown = [axes for axes in drawn[0].axes if axes.get_visible()]
    frequent = [label for label, _ in Counter(gold).most_common(MOST_CURVES)]
    assert len(shown) == MOST_CURVES + 1
    assert {axes.get_title(loc="left") for axes in shown[1:]} == set(frequent)
    assert "9 labels" in notes(drawn[0])
    scores = {score.label: score for score in class_scores(probabilities, gold, labels)}
    for axes in shown[1:]:
        score = scores[axes.get_title(loc="left")]
        assert axes.texts[0].get_text() == f"area {100 * score.auprc:.1f} %, {score.support} rows"
        (recall, precision) = axes.lines[-1].get_data()
        assert (recall[0], precision[0]) == pytest.approx((score.recall, score.precision))
    (recall, precision) = shown[0].lines[-1].get_data()
    accuracy = class_metrics(probabilities, gold, labels, "")["accuracy"]
    assert recall[0] == precision[0] == pytest.approx(accuracy)


def test_a_long_curve_keeps_its_ends(tmp_path, drawn):
    rng = np.random.default_rng(0)
    rows = rng.dirichlet(np.ones(3), 5000)
    some = ClassPredictions([str(n) for n in range(5000)], FEW, rows, [FEW[n % 3] for n in range(5000)], [None] * 5000)
    plot_precision_recall(some, tmp_path / "a.png")
    recall, precision = drawn[0].axes[0].lines[1].get_data()
    assert len(recall) <= 2000 and (recall[0], recall[-1]) == (1, 0) and precision[-1] == 1


def test_shares_of_each_relation(tmp_path, drawn):
    rows = {"train": ["a"] * 900 + ["b"] * 90 + ["c"] * 10, "dev": ["a"] * 5 + ["d"] * 5 + [None] * 7, "test": [None]}
    plot_classes(rows, ["a", "b", "c"], tmp_path / "a.png", "relation")
    (axes,) = drawn[0].axes
    assert names(axes.yaxis) == ["a", "b", "c", "d"] and axes.get_xscale() == "log"
    train, dev = (line.get_xdata() for line in axes.lines)
    np.testing.assert_allclose(train, [90, 9, 1, np.nan])
    np.testing.assert_allclose(dev, [50, np.nan, np.nan, 50])
    assert beside(axes, 0) == ["900", "5"] and beside(axes, 3) == ["0", "5"]
    assert "train 1,000, dev 10)" in axes.get_xlabel()
    low, high = axes.get_xlim()
    assert low < 1 and high >= 90


def test_shares_that_are_alike_and_shares_of_many(tmp_path, drawn):
    plot_classes({"train": ["a", "a", "b"]}, ["a", "b"], tmp_path / "a.png", "relation")
    assert drawn[0].axes[0].get_xscale() == "linear" and drawn[0].axes[0].get_xlim()[0] == 0
    plot_classes(
        {"train": [f"per:{n}" for n in range(60) for _ in range(1 + (n < 40) * 4)]}, [], tmp_path / "a.png", "relation"
    )
    assert len(drawn[1].axes[0].lines[0].get_xdata()) == MOST_LABELS
    assert "20 rarer relations are left out: 9.1 % of the train rows" in notes(drawn[1])


def test_names_without_a_font_have_one_number_in_all_pictures(tmp_path, drawn, monkeypatch):
    monkeypatch.setattr(experiment.figures, "fonts_for", lambda texts: (["DejaVu Sans"], "무배우자직업"))
    labels = ["no_relation", "인물:배우자", "인물:직업"]
    some = answered([("인물:직업", "인물:직업")] * 2 + [("인물:배우자", "no_relation")], labels)
    plot_confusion(some, tmp_path / "a.png")
    plot_f1(class_scores(some.probabilities, some.gold, labels), labels, tmp_path / "a.png", "relation")
    plot_classes({"train": some.gold}, labels, tmp_path / "a.png", "relation")
    plot_precision_recall(some, tmp_path / "a.png")
    assert names(drawn[0].axes[0].yaxis) == ["label 3", "label 2", "no_relation"]
    assert names(drawn[1].axes[0].yaxis) == ["label 3", "label 2", "no_relation"]
    assert names(drawn[2].axes[0].yaxis) == ["label 3", "label 2"]
    assert [axes.get_title(loc="left") for axes in drawn[3].axes if axes.get_visible()][1:] == ["label 3", "label 2"]
    assert all("No installed font" in notes(figure) for figure in drawn)
