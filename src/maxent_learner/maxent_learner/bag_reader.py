# SPDX-License-Identifier: Apache-2.0
"""Reads bags: of our recorder, of `ros2 bag record`, single MCAP files, whole or damaged."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from rclpy.serialization import deserialize_message

from maxent_learner.bag_definitions import differences
from maxent_learner.bag_files import ABOUT_RECORD, BagError, BagFiles, find_files
from maxent_learner.bag_sources import BagMessage, open_source
from maxent_learner.mcap_places import leading_metadata
from maxent_learner.message_definitions import Definitions, UnknownTypeError, message_class

__all__ = ['BagError', 'BagMessage', 'BagReader', 'MalformedMessageError']


class MalformedMessageError(BagError):
    """A message whose bytes are none of its type."""


class BagReader:
    """A rosbag2 folder (MCAP or SQLite3, split or not, with or without metadata.yaml), or a file.

    Nothing is kept open: files are read while `messages` is iterated over.
    """

    def __init__(self, path: Path, namespace: str = '') -> None:
        """Look into the bag.

        Args:
            path: folder or file.
            namespace: of the robot whose topics `name` shall find; '' if the bag has one only.

        Raises:
            BagError: there is no bag.
        """
        self.path = path
        self.damage: list[str] = []  # one sentence for each damage met so far
        self._namespace = namespace.strip('/')
        found: BagFiles = find_files(path)
        self.files: tuple[Path, ...] = found.paths
        about = found.about or leading_metadata(self.files[0]).get(ABOUT_RECORD, {})
        self.about: Mapping[str, str] = MappingProxyType(dict(about))
        for sentence in found.damage:
            self._tell(sentence)
        self._source = open_source(path, found, self._tell)
        self.topics: Mapping[str, str] = MappingProxyType(
            {topic.name: topic.type_name for topic in self._source.topics()}
        )
        self._decoders: dict[str, Callable[[bytes], Any]] = {}

    @property
    def notes(self) -> list[str]:
        """What to know besides damage: parts met so far that carry no checksum."""
        return list(self._source.notes())

    def name(self, topic: str) -> str:
        """Return the absolute name that a topic of `maxent_ros.topics` has in this bag.

        It need not be in the bag.

        Raises:
            BagError: several namespaces have it, and none was chosen.
        """
        if topic.startswith('/'):
            return topic
        if self._namespace:
            return f'/{self._namespace}/{topic}'
        found = sorted(name for name in self.topics if name.endswith(f'/{topic}'))
        if len(found) > 1:
            spaces = ', '.join(repr(name[: -len(topic)].strip('/')) for name in found)
            raise BagError(
                f'{self.path} holds {topic} of several robots: choose one of the namespaces '
                f'{spaces}'
            )
        return found[0] if found else f'/{topic}'

    def messages(self, topics: Collection[str] | None = None) -> Iterator[BagMessage]:
        """Yield the messages on these absolute topics (None: all) by log time.

        Equal times stay in the order of the files. A damaged file ends for the reader where its
        first damaged part begins, which `damage` tells; later files of the bag are read.
        """
        return self._source.messages(topics, by_time=True)

    def as_received(self, topics: Collection[str] | None = None) -> Iterator[BagMessage]:
        """Yield messages as `messages` does, in the order of the files: clocks do not matter.

        SQLite3 and wholly compressed bags give each file by log time.
        """
        return self._source.messages(topics, by_time=False)

    def decode(self, message: BagMessage) -> Any:
        """Return the message object of the installed type.

        Raises:
            MalformedMessageError: the bytes are no such message.
            BagError: the type is not installed, or is another than in the bag.
        """
        decoder = self._decoders.get(message.type_name)
        if decoder is None:
            decoder = self.require_definition(message.type_name)
        try:
            return decoder(message.data)
        except Exception as error:  # RMWError of rclpy, which is not public
            raise MalformedMessageError(
                f'{self.path}: a message on {message.topic} received at {message.received_ns} ns '
                f'is no {message.type_name}: {error}'
            ) from error

    def require_definition(self, type_name: str) -> Callable[[bytes], Any]:
        """Return what decodes a type.

        Raises:
            BagError: the type is not installed, or is another than in the bag.
        """
        if type_name in self._decoders:
            return self._decoders[type_name]
        try:
            found = self._differences(type_name)
            kind = message_class(type_name)
        except (UnknownTypeError, ModuleNotFoundError, AttributeError, ValueError) as error:
            raise BagError(
                f'{self.path}: messages of type {type_name} cannot be decoded: {error}; install '
                'the package that the bag was recorded with'
            ) from error
        if found:
            raise BagError(
                f'{self.path}: {type_name} was recorded with another definition than the one '
                f'installed here: {"; ".join(found)}. Read the bag with the version of the '
                'package that it was recorded with'
            )
        self._decoders[type_name] = lambda data: deserialize_message(data, kind)
        return self._decoders[type_name]

    def _differences(self, type_name: str) -> list[str]:
        """Compare each definition of a type in the bag; what has none is taken as installed."""
        installed = Definitions()
        stored = {
            (topic.encoding, topic.definition)
            for topic in self._source.topics()
            if topic.type_name == type_name and topic.definition
        }
        return [
            text
            for encoding, definition in sorted(stored)
            for text in differences(type_name, encoding, definition, installed)
        ]

    def _tell(self, sentence: str) -> None:
        if sentence not in self.damage:  # the bag may be read several times
            self.damage.append(sentence)
