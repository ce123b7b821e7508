"""The hooks' process: is told of calls by the threads of a tree, calls the hooks one at a time, and answers."""

from __future__ import annotations

import marshal
import os
import socket
import sys
from select import poll
from selectors import EVENT_READ, DefaultSelector
from signal import SIGKILL
from struct import Struct
from threading import get_ident
from typing import TYPE_CHECKING, Any

from linux_abi.syscall import Declarations
from linux_abi.uapi.x86_64 import ARGUMENT_REGISTERS

from .. import tree
from . import wire
from .call import Call, Errno, Event, Task

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from threading import Lock

    from .vm import Hooks

_DESCRIPTOR = Struct("i")
_CREDENTIALS = Struct("iII")  # pid, uid, gid
_M64 = (1 << 64) - 1


class Gone(Exception):
    """The thread has ended meanwhile."""


class HookFailed(Exception):
    """What the user was told of already."""


class Controller:
    """Of one tree: `announce` is its socket. Hooks are called with `lock` held."""

    def __init__(self, hooks: Hooks, lock: Lock, announce: socket.socket) -> None:
        self._hooks = hooks
        self._lock = lock
        self._announce = announce
        self._selector = DefaultSelector()
        self._declared = Declarations(lazy=False)
        self._living: set[int] = set()  # processes that are to tell of their end
        self.first: Task  # of the first process
        self._asking: Thread | None = None  # waits while a hook is asked
        self._ended = False

    def begin(self) -> Mapping[str, object]:
        """Say what is to be watched, and wait for the first thread: what it is, or why there is none."""
        self._announce.send(marshal.dumps(self._hooks.wanted()))
        hello = self._welcome() or {}
        if "pid" not in hello:
            self.close()
        return hello

    def serve(self) -> None:
        """Until the tree's end."""
        self._selector.register(self._announce, EVENT_READ, self._next_thread)
        while self._selector.get_map():
            for key, _ in self._selector.select():
                key.data()
        self.close()
        with self._lock:
            self._end(self.first)

    def look_around(self) -> None:
        """End the hook that is being asked, if the thread that waits for it is gone. To be called from within: by a signal."""
        thread, self._asking = self._asking, None
        if thread and thread.is_gone():
            raise Gone
        self._asking = thread

    def close(self) -> None:
        """Let go of what is left."""
        self._announce.close()
        self._selector.close()

    def _welcome(self) -> Mapping[str, object] | None:
        """A new thread of the guest's, or None: there can be no more."""
        rooms = wire.ROOM, socket.CMSG_SPACE(_DESCRIPTOR.size) + socket.CMSG_SPACE(_CREDENTIALS.size)
        try:
            data, control, _, _ = self._announce.recvmsg(*rooms)
        except ConnectionResetError:  # it has ended without having read all that it was told; what it has said comes next
            data, control, _, _ = self._announce.recvmsg(*rooms)
        if not data:
            return None
        hello: dict[str, object] = marshal.loads(data)  # noqa: S302  our own
        said = {kind: content for _, kind, content in control}
        if socket.SCM_RIGHTS in said:
            (fd,) = _DESCRIPTOR.unpack(said[socket.SCM_RIGHTS])
            hello["host_pid"] = _CREDENTIALS.unpack(said[socket.SCM_CREDENTIALS])[0]
            thread = Thread(socket.socket(fileno=fd), hello)
            if not hasattr(self, "first"):
                self.first = thread.task
            self._selector.register(thread.socket, EVENT_READ, lambda: self._hear(thread))
            if "exit" in self._hooks.events and thread.task.host_pid not in self._living:
                self._living.add(thread.task.host_pid)
                self._await_end(thread.task)
        return hello

    def _await_end(self, task: Task) -> None:
        """Tell of the end of its process, if that itself can't: it was killed."""
        try:
            process = os.pidfd_open(task.host_pid)
        except OSError:  # ended already
            return

        def ended() -> None:
            self._selector.unregister(process)
            os.close(process)
            if task.host_pid in self._living:
                self._living.discard(task.host_pid)
                with self._lock:
                    self._mourn(Event(task, "exit", None))

        self._selector.register(process, EVENT_READ, ended)

    def _end(self, task: Task) -> None:
        """Of the tree: once, before its last process ends if that is the first one, too."""
        if not self._ended:
            self._ended = True
            self._mourn(Event(task, "end", 0))

    def _mourn(self, event: Event) -> None:
        for hook in self._hooks.events.get(event.name, ()):
            try:
                self._ask(hook, event)
            except (HookFailed, Errno, Gone):  # nobody is left to suffer from it
                pass

    def _next_thread(self) -> None:
        if self._welcome() is None:
            self._selector.unregister(self._announce)

    def _hear(self, thread: Thread) -> None:
        try:
            message = thread.receive()
            if message[:1] == wire.PROGRAM:
                thread.task.program = os.fsdecode(message[1:])
                return
            with self._lock:
                self._asking = thread
                self._serve_thread(thread, message)
                self._asking = None
        except Gone:
            self._asking = None
            self._selector.unregister(thread.socket)
            thread.socket.close()

    def _serve_thread(self, thread: Thread, message: bytes) -> None:
        what, number, result, *registers = wire.TOLD.unpack(message)
        thread.task.registers.show(registers)
        try:
            if what == wire.EVENT:
                self._serve_event(thread, Event(thread.task, wire.EVENTS[number], result))
            else:
                words = [registers[r] for r in ARGUMENT_REGISTERS]
                call = Call(thread.task, number, words, None if what == wire.BEFORE else result, self._declared)
                self._serve_call(thread, call)
        except HookFailed:
            kill_tree(thread.task.host_pid, spared=thread.task.host_pid)
            thread.say(wire.DIE)

    def _serve_call(self, thread: Thread, call: Call) -> None:
        usual = call.result
        for hook in self._hooks.of(call.number, after=call.is_made):
            try:
                self._ask(hook, call)
            except Errno as error:
                call.result = -error.errno
            if call.result is not None and not call.is_made:
                break
        delay = int(call.waits * 1e9)
        if call.result != usual and call.result is not None:
            thread.say(wire.INSTEAD, delay, call.result & _M64)
        else:
            thread.say(wire.GO_ON, delay, 0, wire.WORDS.pack(*call.args.words))

    def _serve_event(self, thread: Thread, event: Event) -> None:
        task = event.task
        if event.name == "end":
            if tree.members(task.host_pid) == [task.host_pid]:
                self._end(task)
        else:
            if event.name == "exit":
                self._living.discard(task.host_pid)
            for hook in self._hooks.events[event.name]:
                self._ask(hook, event)
        thread.say(wire.GO_ON, 0, 0, wire.WORDS.pack(*[0] * 6))

    def _ask(self, hook: Callable[[Any], object], what: Call | Event) -> None:
        """Call the hook. HookFailed: it has, and the guest is to die of that."""
        self._hooks.asking = get_ident()
        try:
            hook(what)
        except (Errno, Gone):
            raise
        except BaseException as error:  # sys.exit() and KeyboardInterrupt too: the guest waits
            complain(hook, what, error)
            if self._hooks.kills:
                raise HookFailed from error
        finally:
            self._hooks.asking = 0


class Thread:
    """A thread of the guest's at the other end of a socket."""

    def __init__(self, connection: socket.socket, hello: Mapping[str, object]) -> None:
        self.socket = connection
        self.task = Task(self, hello)

    def receive(self) -> bytes:
        """What it says."""
        try:
            message = self.socket.recv(wire.ROOM)
        except OSError:
            message = b""
        if not message:
            raise Gone
        return message

    def is_gone(self) -> bool:
        """Whether nobody is at the other end."""
        ends = poll()
        ends.register(self.socket, 0)
        return bool(ends.poll(0))

    def say(self, what: bytes, a: int = 0, b: int = 0, data: bytes = b"") -> None:
        """Send it a message."""
        try:
            self.socket.send(wire.SAID.pack(what, a, b) + data)
        except OSError:
            raise Gone from None

    def ask(self, what: bytes, a: int = 0, b: int = 0, data: bytes = b"") -> bytes:
        """Have it serve a request; OSError if it can't."""
        self.say(what, a & _M64, b & _M64, data)
        answer = self.receive()
        (error,) = wire.ANSWER.unpack_from(answer)
        if error:
            raise OSError(-error, os.strerror(-error))
        return answer[wire.ANSWER.size :]


def kill_tree(pid: int, spared: int = 0) -> None:
    """Kill the tree of `pid`, all but one."""
    for other in tree.members(pid):
        if other != spared:
            try:
                os.kill(other, SIGKILL)
            except OSError:  # ended meanwhile
                pass


def complain(hook: Callable[[Any], object], what: Call | Event, error: BaseException) -> None:
    """One line: the place in the hook, the call, the error."""
    from traceback import extract_tb

    places = [(frame.filename, frame.lineno) for frame in extract_tb(error.__traceback__)[1:]]
    if code := getattr(hook, "__code__", None):
        places = [(code.co_filename, code.co_firstlineno), *(place for place in places if place[0] == code.co_filename)]
    place = ":".join(map(str, places[-1])) if places else repr(hook)
    text = str(error).split("\n")[0]
    try:
        told = str(what)
    except Exception:  # its thread is gone
        told = what.name
    sys.stderr.write(f"noahpy: {place}: {told}: {type(error).__name__}{': ' if text else ''}{text}\n")  # whole lines
    sys.stderr.flush()
