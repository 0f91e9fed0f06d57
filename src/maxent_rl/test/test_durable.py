# SPDX-License-Identifier: Apache-2.0
"""Folders appear whole, are replaced whole, and a failed write leaves nothing behind."""

from contextlib import contextmanager
from pathlib import Path
import resource
import signal

import pytest

from maxent_rl.durable import (
    find_folder,
    make_folder,
    remove_leftovers,
    write_file,
    write_folder,
)


def content(folder):
    return {path.name: path.read_bytes() for path in Path(folder).iterdir()}


def test_a_folder_is_written_with_its_parents(tmp_path):
    target = tmp_path / 'a' / 'b'
    write_folder(target, {'x': b'1', 'y': b''})
    assert content(target) == {'x': b'1', 'y': b''}
    assert [path.name for path in target.parent.iterdir()] == ['b']


def test_a_folder_is_replaced_as_a_whole(tmp_path):
    target = tmp_path / 'skill'
    write_folder(target, {'x': b'1', 'old': b'1'})
    write_folder(target, {'x': b'2'})
    assert content(target) == {'x': b'2'}
    assert [path.name for path in tmp_path.iterdir()] == ['skill']


def test_the_old_version_is_found_if_a_replacement_was_interrupted(tmp_path):
    target = tmp_path / 'skill'
    write_folder(target, {'x': b'1'})
    target.rename(tmp_path / '.skill.replaced')  # killed between the two renames
    assert content(find_folder(target)) == {'x': b'1'}
    write_folder(target, {'x': b'2'})
    assert content(find_folder(target)) == {'x': b'2'}
    assert [path.name for path in tmp_path.iterdir()] == ['skill']


@contextmanager
def small_disk():
    """Make every write beyond 4 kB fail in the kernel, as on a full disk; pytest's own too."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, handler)


def test_a_write_that_fails_leaves_the_old_folder_and_nothing_else(tmp_path):
    target = tmp_path / 'skill'
    write_folder(target, {'x': b'1'})
    with small_disk(), pytest.raises(OSError, match='large'):
        write_folder(target, {'x': b'2', 'y': bytes(10_000)})
    assert content(target) == {'x': b'1'}
    assert [path.name for path in tmp_path.iterdir()] == ['skill']


def test_leftovers_of_killed_writers_are_removed_and_nothing_else(tmp_path):
    write_folder(tmp_path / 'kept', {'x': b'1'})
    for name in ('.kept.tmp-123', '.other.tmp-9'):
        write_folder(tmp_path / name, {'x': b'1'})
    write_folder(tmp_path / 'kept', {'x': b'2'})
    assert {path.name for path in tmp_path.iterdir()} == {'kept', '.other.tmp-9'}
    remove_leftovers(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {'kept'}


def test_a_file_is_replaced_as_a_whole_and_its_folder_made(tmp_path):
    target = tmp_path / 'run' / 'version'
    write_file(target, b'1')
    (target.parent / '.version.tmp-123').write_bytes(b'of a killed writer')
    write_file(target, b'22')
    assert content(target.parent) == {'version': b'22'}


def test_a_file_that_cannot_be_written_leaves_the_old_one_and_nothing_else(tmp_path):
    write_file(tmp_path / 'version', b'1')
    with small_disk(), pytest.raises(OSError, match='large'):
        write_file(tmp_path / 'version', bytes(10_000))
    assert content(tmp_path) == {'version': b'1'}


def test_a_folder_is_not_made_where_a_file_is(tmp_path):
    make_folder(tmp_path / 'a' / 'b')
    make_folder(tmp_path / 'a' / 'b')
    (tmp_path / 'file').touch()
    with pytest.raises(OSError, match='file'):
        make_folder(tmp_path / 'file' / 'b')
