"""Run searches on a Dask cluster: the only file that imports distributed."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from heartbeat_clf import __version__
from heartbeat_clf._validation import check_number

if TYPE_CHECKING:
    from distributed import Client

__all__ = ["connect"]


@contextlib.contextmanager
def connect(address: Any, *, timeout: float = 10.0) -> Iterator[Client]:
    """Have joblib run what is called in the block on a Dask cluster.

    Searches, ``cross_val_score`` and :func:`heartbeat_clf.evaluation.evaluate` send
    each fit to a worker; what prefers threads, such as the spectrograms of one fit,
    stays in the process that asks for it. A fit whose worker is lost is run again by
    another.

    Parameters
    ----------
    address : str or distributed.Client
        Address of the scheduler, such as ``"tcp://10.0.0.5:8786"``, or a client,
        which stays open.
    timeout : float, default=10.0
        Seconds to wait for the scheduler and its first worker.

    Yields
    ------
    client : distributed.Client

    Raises
    ------
    ImportError
        If distributed is not installed here, or this library not on a worker.
    ConnectionError
        If no scheduler answers at that address, or it has no worker.
    ValueError
        If the address is no address, a worker has several threads or another version of
        this library.

    Notes
    -----
    `X` travels to the workers with every fit: give paths that lead to the same files
    on every machine, not waveforms. Workers must have one thread each
    (``dask worker ADDRESS --nthreads 1``): the seeds and the deterministic mode of
    TensorFlow are one for a process.

    Unlike joblib's own ``parallel_config(backend="dask")``, which leaves arrays on
    single workers, all that a fit needs stays with its task: when a worker dies,
    nothing is lost with it.

    Examples
    --------
    >>> from heartbeat_clf.cluster import connect
    >>> with connect("tcp://10.0.0.5:8786"):  # doctest: +SKIP
    ...     search.fit(paths, labels)
    """
    check_number("timeout", timeout, minimum=0, exclusive=True)
    try:
        from distributed import Client
    except ImportError as error:
        raise ImportError(
            "Expected distributed for a cluster, got none installed. Install it: "
            "pip install 'heartbeat_clf[cluster]'"
        ) from error
    from joblib import parallel_config

    with contextlib.ExitStack() as stack:
        client = address
        if not isinstance(address, Client):
            client = stack.enter_context(_client(address, timeout))
        _check_workers(client, timeout)
        stack.enter_context(parallel_config(backend=_backend(client)))
        yield client


def _client(address: Any, timeout: float) -> Client:
    from distributed import Client

    class Closed(Client):
        """A client that is closed at once where it cannot be started."""

        def start(self, **settings: Any) -> None:
            try:
                super().start(**settings)
            except BaseException:
                # Otherwise Python tries at its end, when no loop runs any more.
                with contextlib.suppress(TimeoutError):
                    self.close(timeout=1)
                raise

    _check_address(address)
    try:
        return Closed(address, timeout=timeout, set_as_default=False)
    except (OSError, ValueError, TypeError) as error:
        kind = ConnectionError if isinstance(error, OSError) else ValueError
        raise kind(
            f"Expected the address of a Dask scheduler, got {address!r}, where none "
            f"answers within {timeout:g} s. Start one with 'dask scheduler', which "
            "prints its address."
        ) from error


def _check_address(address: Any) -> None:
    """Raise where the text of an address shows that nothing can be there."""
    from distributed.comm.addressing import get_address_host_port, parse_address

    try:
        if address is None:
            # Dask would start a cluster of its own.
            raise ValueError("None")
        if not isinstance(address, str) or parse_address(address)[0] == "inproc":
            return
        host, port = get_address_host_port(address)
        if not host.strip() or not 0 < port < 2**16:
            raise ValueError("no host, or no such port")
    except ValueError as error:
        raise ValueError(
            "Expected the address of a Dask scheduler, such as 'tcp://10.0.0.5:8786', "
            f"got {address!r}. Give the one that 'dask scheduler' prints."
        ) from error


def _check_workers(client: Client, timeout: float) -> None:
    with contextlib.suppress(TimeoutError):
        client.wait_for_workers(1, timeout=timeout)
    threads = client.nthreads()
    if not threads:
        raise ConnectionError(
            f"Expected a worker at the scheduler, got none within {timeout:g} s. Start "
            "some: dask worker ADDRESS --nthreads 1"
        )
    several = [worker for worker, number in threads.items() if number > 1]
    if several:
        raise ValueError(
            f"Expected workers of one thread, got {threads[several[0]]} in "
            f"{several[0]!r}: fits side by side in one process share TensorFlow's "
            "seeds. Start workers with --nthreads 1, several to a machine."
        )
    for worker, found in client.run(_version, on_error="return").items():
        if isinstance(found, Exception):
            raise ImportError(
                f"Expected heartbeat_clf on every worker, got {found!r} from "
                f"{worker!r}. Install it there as here."
            ) from found
        if found != __version__:
            raise ValueError(
                f"Expected heartbeat_clf {__version__} on every worker, got {found} "
                f"on {worker!r}. Install the same version."
            )


def _version() -> str:
    return __version__


def _backend(client: Client) -> Any:
    from joblib._dask import DaskDistributedBackend
    from joblib._parallel_backends import FallbackToBackend, SequentialBackend

    class WholeTasks(DaskDistributedBackend):
        """joblib's backend for Dask, with tasks that hold all they need."""

        def start_call(self) -> None:
            super().start_call()
            # joblib leaves arrays on one worker and sends references; Dask cannot
            # make such data anew when that worker is lost.
            self.call_data_futures: Any = None

        def stop_call(self) -> None:
            self.call_data_futures = {}
            super().stop_call()

        def configure(
            self, n_jobs: int = 1, parallel: Any = None, **settings: Any
        ) -> int:
            # Spectrograms would travel back one by one.
            if settings.get("prefer") == "threads":
                level = self.nesting_level or 0
                raise FallbackToBackend(SequentialBackend(nesting_level=level))
            return super().configure(n_jobs, parallel, **settings)

        async def _to_func_args(self, func: Any) -> Any:
            _, tasks = await super()._to_func_args(func)
            return _LocalBatch(tasks), tasks

    return WholeTasks(client=client)


class _LocalBatch:
    """Calls that a worker makes one after the other, without the cluster's help."""

    def __init__(self, tasks: list[Any]) -> None:
        self._name = f"batch_of_{len(tasks)}"

    def __call__(self, tasks: list[Any]) -> list[Any]:
        from joblib import parallel_config

        with parallel_config(backend="sequential"):
            return [func(*args, **kwargs) for func, args, kwargs in tasks]

    def __repr__(self) -> str:
        return self._name
