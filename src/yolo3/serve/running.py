"""Serving until Ctrl-C."""

import logging
import socket

import uvicorn
from fastapi import FastAPI

_PATIENCE = 2  # seconds that open pages are given at the end: each holds a connection


def run(app: FastAPI, listener: socket.socket) -> None:
    """Answer requests that arrive at a socket, until Ctrl-C, which ends it quietly.

    Args:
        app: of `create_app`.
        listener: bound to an address.
    """
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning", timeout_graceful_shutdown=_PATIENCE))
    # cutting off pages that are still open is no error
    logging.getLogger("uvicorn.error").addFilter(lambda _: not server.should_exit)
    try:
        server.run([listener])
    except KeyboardInterrupt:
        pass
