"""Ready tasks, in the order in which they are to be handed out, in buckets of those that are alike."""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Iterator
from typing import Any, NamedTuple

from pipeline.scheduling.tasks import Task


class Entry(NamedTuple):
    """A ready task in the queue; entries compare in the order in which Luigi would hand out their tasks."""

    minus_priority: float
    time: float
    turn: int
    serial: int  # unique, so that a comparison never gets as far as the task
    task: Task
    bucket: Bucket

    @property
    def live(self) -> bool:
        return self.task.entry is self


class Bucket:
    """Ready tasks that differ in nothing that decides whether a worker may run them."""

    __slots__ = ("heap", "key", "size")

    def __init__(self, key: tuple[Any, ...]) -> None:
        self.key = key
        self.heap: list[Entry] = []
        self.size = 0

    def has_head(self, entry: Entry) -> bool:
        return bool(self.heap) and self.heap[0] is entry


class ReadyQueue:
    """All ready tasks, in buckets, so that a search can give up on a whole bucket after its first task.

    Taking a task out leaves its entry behind unless it is the first of its bucket: a bucket's first entry is always live.
    """

    def __init__(self) -> None:
        self._buckets: dict[tuple[Any, ...], Bucket] = {}
        self._heads: list[Entry] = []  # the first entry of each bucket, and some that used to be
        self._serials = itertools.count()

    def push(self, task: Task) -> None:
        resources = tuple(sorted(task.resources.items())) if task.resources else ()
        key = (task.family, resources, tuple(task.workers), task.runnable)
        bucket = self._buckets.get(key)
        if bucket is None:
            bucket = self._buckets[key] = Bucket(key)
        task.entry = entry = Entry(-task.priority, task.time, task.turn, next(self._serials), task, bucket)
        heapq.heappush(bucket.heap, entry)
        bucket.size += 1
        if bucket.heap[0] is entry:
            self._announce(entry)

    def remove(self, task: Task) -> None:
        entry, task.entry = task.entry, None
        assert entry is not None
        bucket, heap = entry.bucket, entry.bucket.heap
        bucket.size -= 1
        if not bucket.size:
            heap.clear()
            del self._buckets[bucket.key]
        elif heap[0] is entry:
            while not heap[0].live:
                heapq.heappop(heap)
            self._announce(heap[0])
        elif len(heap) > 2 * bucket.size + 64:
            heap[:] = [left for left in heap if left.live]
            heapq.heapify(heap)

    def _announce(self, entry: Entry) -> None:
        heapq.heappush(self._heads, entry)
        if len(self._heads) > 2 * len(self._buckets) + 64:
            self._heads = [bucket.heap[0] for bucket in self._buckets.values()]
            heapq.heapify(self._heads)

    def first(self) -> Entry | None:
        """The first one that `walk` gives."""
        heads = self._heads
        while heads and not heads[0].bucket.has_head(heads[0]):
            heapq.heappop(heads)
        return heads[0] if heads else None

    def walk(self, closed: set[Bucket]) -> Iterator[Entry]:
        """The live entries in order. A bucket that the caller adds to `closed` is left alone from then on."""
        # Nothing is popped: the next smallest element of a heap is always a child of one that was visited before.
        first, heads = self.first(), self._heads
        frontier: list[tuple[Entry, int, list[Entry]]] = [(first, 0, heads)] if first is not None else []
        entered: set[Bucket] = set()
        while frontier:
            entry, index, heap = heapq.heappop(frontier)
            bucket = entry.bucket
            if heap is not heads:
                if bucket not in closed:
                    if entry.live:
                        yield entry
                    _reach(frontier, bucket.heap, index)
                continue
            if bucket not in entered and bucket.has_head(entry):
                entered.add(bucket)
                yield entry
                _reach(frontier, bucket.heap, 0)
            _reach(frontier, heads, index)


def _reach(frontier: list[tuple[Entry, int, list[Entry]]], heap: list[Entry], index: int) -> None:
    for child in range(2 * index + 1, min(2 * index + 3, len(heap))):
        heapq.heappush(frontier, (heap[child], child, heap))
