"""Startup of an application that is mounted in another one, which gets no startup event."""

import asyncio

from starlette.applications import Starlette
from starlette.types import ASGIApp, Receive, Scope, Send


class StartedOnDemand:
    """ASGI middleware: the first request starts the application, if the server has not done so.

    A server starts the outermost application alone; the queues of what is mounted in it would stand still. It ends with
    the event loop.

    Args:
        app: Application behind it.
        application: Application whose lifespan is started.
    """

    def __init__(self, app: ASGIApp, application: Starlette) -> None:
        self.app = app
        self.application = application
        self._started: asyncio.Future[None] | None = None
        self._life: asyncio.Task[None] | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, when all is there that it needs."""
        loop = asyncio.get_running_loop()
        if scope["type"] == "lifespan":  # as the outermost
            self._started = loop.create_future()
            self._started.set_result(None)
            try:
                await self.app(scope, receive, send)
            finally:
                self._started = None
            return
        if self._started is None or self._started.get_loop() is not loop:
            self._started = loop.create_future()
            self._life = loop.create_task(self._live(self._started))
        await asyncio.shield(self._started)
        await self.app(scope, receive, send)

    async def _live(self, started: "asyncio.Future[None]") -> None:
        try:
            async with self.application.router.lifespan_context(self.application):
                started.set_result(None)
                await asyncio.Event().wait()  # the end of the loop cancels it
        except Exception as error:
            if started.done():
                raise
            started.set_exception(error)
            self._started = None
