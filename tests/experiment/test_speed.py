"""What a machine gives: measured once, by the main process, and not while the machine is at other work."""

import itertools
import json

import pytest
import torch

from experiment import speed
from experiment.machine import Machine
from experiment.speed import RATES_FILE, Speed, measure_speed, measured_rate, share_of_cores

CPU = Machine(torch.device("cpu"), "32-true")


@pytest.fixture
def products(monkeypatch):
    """Plain products with these rates; gives how often they were measured."""

    def make(*rates):
        measured = []
        monkeypatch.setattr(speed, "matmul_rates", lambda device, dtype: measured.append(dtype) or list(rates))
        return measured

    return make


def test_the_plain_product_is_measured_once(products, tmp_path):
    measured = products(1e10, 2e10, 1.9e10)
    assert [measured_rate(CPU, tmp_path / "cache", 1.0) for _ in range(3)] == [2e10] * 3
    assert measured == [torch.float32]


def test_it_is_kept_by_precision_threads_and_version(products, tmp_path, monkeypatch):
    measured = products(1e10, 1e10)
    machines = [CPU, Machine(torch.device("cpu"), "bf16-mixed"), Machine(torch.device("cpu"), "32-true", tf32=True)]
    for machine in machines * 2:
        measured_rate(machine, tmp_path, 1.0)
    assert len(measured) == 3
    before = torch.get_num_threads()
    torch.set_num_threads(before + 1)
    measured_rate(CPU, tmp_path, 1.0)
    torch.set_num_threads(before)
    monkeypatch.setattr(speed, "version", lambda name: "99.0")
    measured_rate(CPU, tmp_path, 1.0)
    assert len(measured) == 5 == len(json.loads((tmp_path / RATES_FILE).read_text(encoding="utf-8")))


@pytest.mark.parametrize(
    "content", ["", "{", "[1]", '{"x": "y"}', '{"%s": -1.0}', '{"%s": NaN}'],
    ids=["empty", "half", "a list", "a text", "below 0", "no number"],
)  # fmt: skip
def test_a_damaged_file_is_measured_anew(products, tmp_path, content):
    measured = products(1e10)
    measured_rate(CPU, tmp_path, 1.0)
    path = tmp_path / RATES_FILE
    (key,) = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(content.replace("%s", key), encoding="utf-8")
    assert measured_rate(CPU, tmp_path, 1.0) == 1e10 and len(measured) == 2
    assert json.loads(path.read_text(encoding="utf-8")) == {key: 1e10}


def test_a_busy_machine_is_not_measured_but_what_is_kept_is_used(products, tmp_path):
    measured = products(1e10, 1e10)
    assert measured_rate(CPU, tmp_path, 0.4) is None and not measured
    measured_rate(CPU, tmp_path, 0.9)
    assert measured_rate(CPU, tmp_path, 0.4) == 1e10


def test_products_that_scatter_are_not_kept(products, tmp_path):
    products(1e10, 1e10, 1e10, 1e10, 3e10)
    assert measured_rate(CPU, tmp_path, 1.0) is None
    assert not (tmp_path / RATES_FILE).exists()


def test_only_the_main_process_measures(products, tmp_path, monkeypatch):
    measured = products(1e10)
    monkeypatch.setenv("RANK", "1")
    monkeypatch.setenv("WORLD_SIZE", "2")
    assert measure_speed(CPU, tmp_path) == Speed(None, None) and not measured
    assert Speed(None, None).notes(CPU) == [] and Speed(None, None).description == ""


def test_the_share_of_the_cores_is_cpu_time_by_wall_time(monkeypatch):
    wall, cpu = itertools.count(0, 0.1), itertools.count(0, 0.05)
    monkeypatch.setattr(speed.time, "perf_counter", lambda: next(wall))
    monkeypatch.setattr(speed.time, "process_time", lambda: next(cpu))
    # Of 0.3 s, by four looks at the clock, this process computed for 0.05 s.
    assert share_of_cores(2) == pytest.approx(0.05 / (0.3 * 2))


def test_people_are_told_where_other_work_is_at_their_cost():
    threads = torch.get_num_threads()
    (note,) = Speed(None, 0.5).notes(CPU)
    assert note.startswith(f"Other work leaves this run about {threads / 2:.1f} of {threads} core")
    assert Speed(1e10, 0.8).notes(CPU) == []
    assert Speed(12.3e9, 1.0).description == "; 12 GFLOP/s in a plain matrix product"


def test_measuring_leaves_the_runs_random_numbers_alone(tmp_path):
    """Or the new weights of a run would depend on how fast the machine is."""
    torch.manual_seed(0)
    expected = torch.rand(3)
    torch.manual_seed(0)
    measure_speed(CPU, tmp_path)
    assert torch.equal(torch.rand(3), expected)
