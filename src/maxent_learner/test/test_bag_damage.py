# SPDX-License-Identifier: Apache-2.0
"""Whatever is cut off or changed: the good prefix is given, and never a wrong value."""

import contextlib
import importlib
from pathlib import Path
import shutil

import numpy as np
import pytest

from maxent_learner.bag_reader import BagError, BagReader
from maxent_learner.bag_steps import read_steps

HERE = Path(__file__).parent
BENCHMARKS = HERE.parent.parent.parent / 'benchmarks'
TRIES = 100
ZSTD = b'\x28\xb5\x2f\xfd'  # begins what is compressed


@pytest.fixture
def bags(monkeypatch):
    """Give bag_writing.py."""
    monkeypatch.syspath_prepend(HERE)
    return importlib.import_module('bag_writing')


@pytest.fixture
def damage(monkeypatch):
    """Give benchmarks/bag_damage.py."""
    monkeypatch.syspath_prepend(BENCHMARKS)
    return importlib.import_module('bag_damage')


@pytest.fixture
def write(bags, source, tmp_path):
    """Return a function that writes a bag of some chunks with one writer or the other."""
    items = sorted(
        bags.step_messages(source.steps(15)) + bags.joint_messages(100), key=lambda item: item[1]
    )

    def write(writer, **options):
        folder = tmp_path / 'bag'
        if writer == 'rosbags':
            return bags.write_rosbag2(folder, items, **options)
        folder.mkdir()
        bags.write_mcap(folder / 'bag.mcap', items, **options)
        return folder

    return write


def offsets(damage, bag):
    return np.random.default_rng(0).integers(damage.size_of(bag), size=TRIES).tolist()


@pytest.mark.parametrize(
    ('writer', 'options'),
    [
        ('mcap', {}),
        ('mcap', {'compression': 'lz4'}),
        ('mcap', {'compression': 'none', 'enable_crcs': False}),
        ('mcap', {'use_chunking': False}),
        ('rosbags', {}),
        ('rosbags', {'mode': 'storage'}),
    ],
)
def test_a_cut_file_gives_the_good_prefix(damage, write, tmp_path, writer, options):
    bag = write(writer, **options)
    intact = list(BagReader(bag).messages())
    lengths = set()
    for offset in [0, 1, 8, 9, *offsets(damage, bag)]:
        reader = BagReader(damage.cut_at(bag, offset, tmp_path / 'cut'))
        found = list(reader.messages())
        assert found == intact[: len(found)]
        assert len(reader.damage) <= 1  # nothing is lost where only the index is cut
        if len(found) < len(intact):
            assert f'first {len(found)} messages' in reader.damage[0]
        lengths.add(len(found))
        shutil.rmtree(tmp_path / 'cut')
    if writer == 'mcap':
        assert len(lengths) > 5  # of many chunks; `rosbags` writes one


@pytest.mark.parametrize('compression', ['zstd', 'lz4', 'none'])
def test_a_changed_bit_never_gives_a_wrong_value(damage, write, tmp_path, compression):
    bag = write('mcap', compression=compression)
    intact, losses = len(list(BagReader(bag).messages())), 0
    for number, offset in enumerate(offsets(damage, bag)):
        changed = damage.flip_at(bag, offset, number % 8, tmp_path / 'changed')
        assert damage.wrong_values(bag, changed) == 0
        reader = BagReader(changed)
        found = list(reader.messages())
        assert (len(found) < intact) == bool(reader.damage)
        losses += len(found) < intact
        shutil.rmtree(changed)
    assert losses > TRIES / 3  # most bytes matter


def test_wrong_values_are_noticed(damage, write, tmp_path):
    bag = write('mcap', compression='none', enable_crcs=False)
    content = (bag / 'bag.mcap').read_bytes()
    at = content.index(b'sawyer_reach')
    wrong = damage.flip_at(bag, at, 0, tmp_path / 'changed')
    assert damage.wrong_values(bag, wrong) == 1
    assert damage.wrong_values(bag, bag) == 0


def test_a_bag_without_checksums_says_so(write):
    reader = BagReader(write('rosbags', mode='storage'))
    list(reader.messages())
    assert 'carries no checksums' in reader.notes[0]
    assert reader.damage == []


def test_later_files_of_a_split_bag_are_read(damage, bags, source, tmp_path):
    folder = tmp_path / 'bag'
    folder.mkdir()
    first, second = bags.joint_messages(100), bags.joint_messages(100, start_ns=10**12)
    bags.write_mcap(folder / 'bag.mcap', first)
    chunk = (folder / 'bag.mcap').read_bytes().rindex(ZSTD)
    bags.write_mcap(folder / 'bag_0001.mcap', second)
    reader = BagReader(damage.flip_at(folder, chunk + 20, 3, tmp_path / 'changed'))
    times = [m.received_ns for m in reader.messages()]
    assert times[-100:] == [item[1] for item in second]
    assert 0 < len(times) < 200
    assert len(reader.damage) == 1
    assert 'bag.mcap is damaged' in reader.damage[0]
    list(reader.messages())
    assert len(reader.damage) == 1  # told once


def test_the_messages_lost_are_counted_where_metadata_is_there(write):
    bag = write('rosbags')
    content = (bag / 'bag.mcap').read_bytes()
    (bag / 'bag.mcap').write_bytes(content[: len(content) // 2])
    assert '265 are lost' in BagReader(bag).damage[0]


def test_a_chunk_that_vanished_without_a_trace_is_missed_by_the_count(write):
    bag = write('rosbags')
    content = bytearray((bag / 'bag.mcap').read_bytes())
    header = 8 + 9 + int.from_bytes(content[9:17], 'little')
    assert content[header] == 6  # a chunk, made one of an application's own records
    content[header] = 0x86
    (bag / 'bag.mcap').write_bytes(content)
    reader = BagReader(bag)
    assert list(reader.messages()) == []
    assert '265 are lost' in reader.damage[0]


def test_a_damaged_sqlite_bag_gives_no_wrong_value(damage, write, tmp_path):
    bag = write('rosbags', storage='sqlite3')
    for offset in offsets(damage, bag)[:20]:
        cut = damage.cut_at(bag, offset, tmp_path / 'cut')
        with contextlib.suppress(BagError):
            assert damage.wrong_values(bag, cut) == 0
        shutil.rmtree(cut)


def test_steps_of_a_damaged_bag_are_those_of_the_intact_one(damage, write, tmp_path):
    bag = write('mcap')
    intact = [(s.episode, s.index) for s in read_steps(BagReader(bag))]
    for offset in offsets(damage, bag)[:20]:
        cut = damage.cut_at(bag, offset, tmp_path / 'cut')
        found = [(s.episode, s.index) for s in read_steps(BagReader(cut))]
        assert found == intact[: len(found)]
        shutil.rmtree(cut)
