"""The virtual loop reaches no thread, socket, process or signal, and stands on private parts of asyncio knowingly."""

import asyncio
import concurrent.futures
import contextvars
import inspect
import signal
import threading
from asyncio import base_events

import pytest

from rollout.simulation.loop import VirtualLoop, elapsed, run
from rollout.simulation.outside import OutOfReach, refusals


def test_executor_work_is_done_inline_and_arrives_one_turn_later() -> None:
    async def main() -> list[object]:
        order: list[object] = []
        loop = asyncio.get_running_loop()

        def work(word: str) -> int:
            order.append((word, threading.get_ident() == threading.main_thread().ident))
            return 42

        future = loop.run_in_executor(None, work, "work")
        order.append(future.done())
        order.append(await future)
        order.append(await asyncio.to_thread(work, "to_thread"))
        order.append(elapsed())
        return order

    assert run(main()) == [("work", True), False, 42, ("to_thread", True), 42, 0]


def test_an_error_of_executor_work_reaches_who_awaits_it() -> None:
    async def main() -> None:
        future = asyncio.get_running_loop().run_in_executor(None, int, "no number")
        with pytest.raises(ValueError, match="no number"):
            await future

    run(main())


def test_an_error_of_executor_work_that_nobody_awaits_is_raised_at_the_end() -> None:
    async def main() -> None:
        asyncio.get_running_loop().run_in_executor(None, int, "no number")
        await asyncio.sleep(1)

    with pytest.raises(ExceptionGroup, match="nobody looked at"):
        run(main())


def test_executor_work_whose_waiter_is_cancelled_is_dropped() -> None:
    async def main() -> str:
        future = asyncio.get_running_loop().run_in_executor(None, str, "done")
        future.cancel()
        await asyncio.sleep(1)
        return "still here"

    assert run(main()) == "still here"


def test_executor_work_cannot_change_the_context_of_its_caller() -> None:
    word: contextvars.ContextVar[str] = contextvars.ContextVar("word", default="caller's")

    async def main() -> str:
        await asyncio.get_running_loop().run_in_executor(None, word.set, "worker's")
        return word.get()

    assert run(main()) == "caller's"


def test_a_given_executor_is_never_used() -> None:
    async def main() -> int:
        loop = asyncio.get_running_loop()
        with concurrent.futures.ThreadPoolExecutor(max_workers=1) as pool:
            loop.set_default_executor(pool)
            return (await loop.run_in_executor(pool, threading.get_ident)) - threading.get_ident()

    assert run(main()) == 0


def test_a_call_from_the_same_thread_is_safe_and_in_order() -> None:
    async def main() -> list[int]:
        order: list[int] = []
        loop = asyncio.get_running_loop()
        loop.call_soon(order.append, 1)
        loop.call_soon_threadsafe(order.append, 2)
        await asyncio.sleep(0)
        return order

    assert run(main()) == [1, 2]


def test_a_call_from_another_thread_is_refused() -> None:
    async def main() -> BaseException | None:
        loop = asyncio.get_running_loop()
        with concurrent.futures.ThreadPoolExecutor(max_workers=1) as pool:
            return pool.submit(loop.call_soon_threadsafe, print).exception()

    refused = run(main())
    assert isinstance(refused, OutOfReach)
    assert "no threads" in str(refused)


def test_a_connection_is_refused_with_a_reason_and_no_retry_can_hide_it() -> None:
    async def main() -> None:
        await asyncio.open_connection("127.0.0.1", 80)

    with pytest.raises(OutOfReach, match=r"loop\.create_connection\(\): the virtual loop has no network"):
        run(main())
    assert not issubclass(OutOfReach, OSError)


def test_name_resolution_children_and_signals_are_refused() -> None:
    async def resolve() -> None:
        await asyncio.get_running_loop().getaddrinfo("localhost", 80)

    async def spawn() -> None:
        await asyncio.create_subprocess_exec("true")

    async def listen() -> None:
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, print)

    for main, why in ((resolve, "no network"), (spawn, "no child processes"), (listen, "hears no signals")):
        with pytest.raises(OutOfReach, match=why):
            run(main())


def test_every_method_is_either_virtual_or_refused() -> None:
    methods = [name for name, _ in inspect.getmembers(asyncio.AbstractEventLoop, callable) if not name.startswith("_")]
    untouched = [
        name for name in methods if getattr(VirtualLoop, name) is getattr(asyncio.AbstractEventLoop, name, None)
    ]
    assert untouched == []
    outside = ("sock", "connect", "server", "endpoint", "reader", "writer", "subprocess", "signal", "nameinfo", "addr")
    reaching = {name for name in methods if any(word in name for word in outside)} | {"sendfile", "start_tls"}
    assert reaching == {name for name, _ in refusals()} | {"create_connection"}


def test_the_private_parts_of_asyncio_it_stands_on_have_not_moved() -> None:
    """When this fails, read the new base loop before anything else: the virtual loop may be wrong without an error."""
    base = base_events.BaseEventLoop
    for name, parameters in {
        "_run_once": ["self"],
        "_write_to_self": ["self"],
        "create_task": ["self", "coro"],
    }.items():
        found = list(inspect.signature(getattr(base, name)).parameters)
        assert found[: len(parameters)] == parameters, f"BaseEventLoop.{name} has other parameters: {found}"
    plain = base()
    try:
        parts = {"_ready", "_stopping", "_thread_id"}
        assert parts <= vars(plain).keys(), f"BaseEventLoop lost {parts - vars(plain).keys()}"
        assert "_run_once" in inspect.getsource(base.run_forever), "run_forever takes its turns by another method"
        assert "_write_to_self" in inspect.getsource(base.call_soon_threadsafe), "the wake-up goes another way"
    finally:
        plain.close()
    assert list(inspect.signature(asyncio.Handle._run).parameters) == ["self"]
    assert hasattr(asyncio.Task, "_log_traceback"), "a task no longer marks errors that nobody asked for"
