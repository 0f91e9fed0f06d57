# SPDX-License-Identifier: Apache-2.0
"""Segments on disk against the buffer in memory: exact, growing, cut, damaged, on a full disk."""

import dataclasses
import os
import subprocess
import sys

import numpy as np
import pytest

from maxent_rl import replay_segments
from maxent_rl.replay_buffer import ReplayBuffer
from maxent_rl.replay_segments import ReplayMark, ReplaySegments
from maxent_rl.segment_blocks import SegmentError, encode_block, find_blocks

IMAGE = (2, 3, 3)


def make(capacity=50, seeing=False):
    return ReplayBuffer(capacity, 3 + 18 * seeing, 2, IMAGE if seeing else ())


def play(buffer, steps):
    """Write steps, of which each tells its number; an episode has 10 of them."""
    for number in range(buffer.written, buffer.written + steps):
        pixels = np.full(buffer._image.shape[1], (number % 256) / 255.0, np.float32)
        obs = np.concatenate((np.full(3, number, np.float32), pixels))
        if number % 10 == 0 or not buffer.is_open:
            buffer.begin(obs)
        else:
            buffer.add([0.1, 0.2], number, obs, False, number % 10 == 9, policy_version=number)


def same(one, other):
    ours, theirs = one.state(), other.state()
    return ours.keys() == theirs.keys() and all(
        (ours[name] == theirs[name]).all() and ours[name].dtype == theirs[name].dtype
        for name in ours
    )


def read(folder, mark, **settings):
    """Return the buffer at a mark, and how many transitions it lost."""
    buffer = make(**settings)
    lost = ReplaySegments(folder).restore(buffer, mark)
    return buffer, lost


def files(folder):
    return sorted(path.name for path in folder.iterdir())


def last_file(folder):
    return folder / files(folder)[-1]


@pytest.fixture
def short_segments(monkeypatch):
    """Close files early, as if much had been written; and cut what is new into small blocks."""
    monkeypatch.setattr(replay_segments, 'SEGMENT_BYTES', 3000)
    monkeypatch.setattr(replay_segments, 'BLOCK_BYTES', 400)


@pytest.mark.parametrize('seeing', [False, True])
def test_a_buffer_comes_back_to_the_bit_after_every_append(tmp_path, short_segments, seeing):
    buffer, segments = make(seeing=seeing), ReplaySegments(tmp_path)
    for steps in (0, 1, 7, 0, 30, 45, 3, 200, 11):  # the ring is full after 50
        play(buffer, steps)
        mark = segments.append(buffer)
        copy, lost = read(tmp_path, mark, seeing=seeing)
        assert lost == 0
        assert same(copy, buffer)


def test_only_what_is_new_is_written(tmp_path):
    buffer, segments = make(capacity=5000), ReplaySegments(tmp_path)
    play(buffer, 4000)
    segments.append(buffer)
    size = last_file(tmp_path).stat().st_size
    play(buffer, 10)
    segments.append(buffer)
    assert files(tmp_path) == ['segment-00000001.bin']
    assert last_file(tmp_path).stat().st_size - size < 1500
    segments.append(buffer)
    assert last_file(tmp_path).stat().st_size - size < 1500


def test_a_mark_survives_json(tmp_path):
    buffer = make()
    play(buffer, 5)
    mark = ReplaySegments(tmp_path).append(buffer)
    assert ReplayMark(**dataclasses.asdict(mark)) == mark


def test_what_was_written_after_a_mark_is_cut_off_before_going_on(tmp_path, short_segments):
    buffer, segments = make(capacity=500), ReplaySegments(tmp_path)
    play(buffer, 33)
    mark = segments.append(buffer)
    content = {name: (tmp_path / name).read_bytes() for name in files(tmp_path)}
    play(buffer, 150)
    segments.append(buffer)
    with last_file(tmp_path).open('ab') as file:
        file.write(encode_block(183, buffer.slots(180, 183))[:-5])  # killed while it wrote
    resumed, again = make(capacity=500), ReplaySegments(tmp_path)
    assert again.restore(resumed, mark) == 0
    again.append(resumed)
    assert {name: (tmp_path / name).read_bytes() for name in files(tmp_path)} == content
    play(resumed, 5)
    assert same(read(tmp_path, again.append(resumed), capacity=500)[0], resumed)


def test_files_whose_slots_are_overwritten_go_once_no_mark_needs_them(tmp_path, short_segments):
    buffer, segments, marks = make(), ReplaySegments(tmp_path), []
    for _ in range(20):
        play(buffer, 25)
        marks.append(segments.append(buffer))
        segments.remove_unneeded(marks[-2:])
        for mark in marks[-2:]:
            assert read(tmp_path, mark)[1] == 0
        assert len(files(tmp_path)) <= 4
    assert files(tmp_path)[0] == f'segment-{marks[-2].first:08d}.bin'


def test_files_of_another_buffer_in_the_folder_are_kept_until_no_mark_needs_them(tmp_path):
    other, buffer = make(), make()
    play(other, 20)
    earlier = ReplaySegments(tmp_path).append(other)
    play(buffer, 30)
    segments = ReplaySegments(tmp_path)
    mark = segments.append(buffer)
    assert same(read(tmp_path, earlier)[0], other)
    assert same(read(tmp_path, mark)[0], buffer)
    segments.remove_unneeded([mark])
    assert files(tmp_path) == ['segment-00000002.bin']


def test_more_steps_than_the_ring_holds_between_two_appends_are_no_loss(tmp_path):
    buffer, segments = make(), ReplaySegments(tmp_path)
    play(buffer, 20)
    segments.append(buffer)
    play(buffer, 120)
    copy, lost = read(tmp_path, segments.append(buffer))
    assert lost == 0
    assert same(copy, buffer)


def written_in_blocks(folder, count=5):
    """Write 40 steps in 5 blocks of 8; return buffer, mark and the ends of blocks in the file."""
    buffer, segments = make(), ReplaySegments(folder)
    for _ in range(count):
        play(buffer, 8)
        mark = segments.append(buffer)
    ends = [block.end for block in find_blocks(last_file(folder).read_bytes())]
    assert len(ends) == count
    return buffer, mark, ends


def flip(path, place):
    data = bytearray(path.read_bytes())
    data[place] ^= 0x10
    path.write_bytes(bytes(data))


def numbers(buffer):
    return buffer.state()['obs'][:, 0].tolist()


@pytest.mark.parametrize('damage', ['flipped', 'truncated', 'gone'])
def test_fault_23_a_damaged_newest_block_is_cut_off_and_counted(tmp_path, damage):
    _, mark, ends = written_in_blocks(tmp_path)
    path = last_file(tmp_path)
    if damage == 'flipped':
        flip(path, ends[-1] - 3)
    else:
        os.truncate(path, ends[-1] - 1 if damage == 'truncated' else ends[-2])
    copy, lost = read(tmp_path, mark)
    assert numbers(copy) == list(range(32))
    assert lost == 8  # 32 to 39; episodes begin at 30 and 40
    assert not copy.is_open


def test_every_flipped_byte_costs_its_own_block_and_nothing_else(tmp_path):
    _, mark, ends = written_in_blocks(tmp_path)
    path, starts = last_file(tmp_path), [0, *ends]
    whole = path.read_bytes()
    first = whole.index(b'maxblock')
    for place in range(0, len(whole), 13):
        flip(path, place)
        copy, lost = read(tmp_path, mark)
        hit = max(k for k in range(5) if starts[k] <= place)
        want = [n for n in range(40) if place < first or n // 8 != hit]
        assert numbers(copy) == want
        assert (lost > 0) == (place >= first)
        path.write_bytes(whole)


def test_a_hole_in_the_middle_makes_no_transition_and_the_next_append_is_sound(tmp_path):
    _, mark, ends = written_in_blocks(tmp_path)
    flip(last_file(tmp_path), ends[1] + 60)  # steps 16 to 23
    copy, segments = make(), ReplaySegments(tmp_path)
    lost = segments.restore(copy, mark)
    assert lost == 8  # 20 begins an episode; 16 to 19, 21 to 23, and 24, whose start is gone
    batch = copy.sample(500, np.random.default_rng(0))
    assert (batch.next_obs[:, 0] == batch.obs[:, 0] + 1).all()
    play_on = make()
    play_on.load_state(copy.state())
    for each in (copy, play_on):
        play(each, 13)
    new = segments.append(copy)
    assert files(tmp_path) == ['segment-00000001.bin', 'segment-00000002.bin']
    again, lost = read(tmp_path, new)
    assert lost == 0
    assert same(again, play_on)
    segments.remove_unneeded([mark, new])
    assert len(files(tmp_path)) == 2
    segments.remove_unneeded([new])
    assert files(tmp_path) == ['segment-00000002.bin']


@pytest.mark.parametrize('left', [0, 5, 100])
def test_with_no_whole_block_left_everything_is_lost_and_nothing_raised(tmp_path, left):
    _, mark, _ = written_in_blocks(tmp_path)
    os.truncate(last_file(tmp_path), left)
    copy, lost = read(tmp_path, mark)
    assert (len(copy), lost, copy.written) == (0, mark.transitions, 0)
    last_file(tmp_path).unlink()
    assert read(tmp_path, mark)[1] == mark.transitions


def test_files_that_vanish_under_a_running_learner_are_written_anew(tmp_path):
    buffer, segments = make(), ReplaySegments(tmp_path / 'replay')
    play(buffer, 20)
    segments.append(buffer)
    last_file(tmp_path / 'replay').unlink()
    play(buffer, 5)
    copy, lost = read(tmp_path / 'replay', segments.append(buffer))
    assert lost == 0
    assert same(copy, buffer)


def test_segments_of_other_dimensions_or_schema_are_refused_by_name(tmp_path):
    _, mark, _ = written_in_blocks(tmp_path)
    with pytest.raises(SegmentError, match='obs'):
        read(tmp_path, mark, seeing=True)


# Appends with a limit on the size of files, which the kernel enforces in mid-write, and prints
# what happened; then without the limit.
FULL_DISK = """
import resource, signal, sys
from pathlib import Path
from test_replay_segments import ReplaySegments, last_file, make, play, read, same
folder = Path(sys.argv[1])
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
buffer, segments = make(), ReplaySegments(folder)
def limit(size):
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))
if sys.argv[2] == 'grown':
    play(buffer, 10)
    first = segments.append(buffer)
    before = last_file(folder).read_bytes()
    limit(len(before) + 500)
else:
    limit(500)
for _ in range(2):
    play(buffer, 10)
    try:
        segments.append(buffer)
    except OSError as error:
        print(error.strerror)
    if sys.argv[2] == 'grown':
        assert last_file(folder).read_bytes() == before
        assert read(folder, first)[1] == 0
    else:
        assert list(folder.iterdir()) == []
limit(resource.RLIM_INFINITY)
copy, lost = read(folder, segments.append(buffer))
assert lost == 0 and same(copy, buffer)
"""


@pytest.mark.parametrize('case', ['new', 'grown'])
def test_fault_24_a_full_disk_leaves_the_files_and_the_next_append_makes_up_for_it(tmp_path, case):
    here = os.path.dirname(__file__)
    done = subprocess.run(
        [sys.executable, '-c', FULL_DISK, str(tmp_path), case],
        env={**os.environ, 'PYTHONPATH': f'{here}:{os.environ.get("PYTHONPATH", "")}'},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split('\n')[:2] == ['File too large'] * 2
