"""Clients that load a server: used by the test of a stop under load."""

import socket
import threading
import time
from dataclasses import dataclass, field


@dataclass
class Load:
    """What became of the requests of many clients, some of which leave midway."""

    port: int
    content: bytes
    leaving: float = 0.2
    """Share of requests whose client leaves, half of them before all is sent."""
    statuses: list[int] = field(default_factory=list)
    """Status of each answer."""
    lost: list[str] = field(default_factory=list)
    """Requests that were sent before the end was asked for, and got no answer."""
    left: int = 0
    ending: threading.Event = field(default_factory=threading.Event)
    _threads: list[threading.Thread] = field(default_factory=list)

    def start(self, clients: int) -> None:
        """Let so many clients ask one request after another."""
        self._threads = [threading.Thread(target=self._ask, args=(number,)) for number in range(clients)]
        for thread in self._threads:
            thread.start()

    def join(self) -> None:
        """Wait until every client has its last answer."""
        for thread in self._threads:
            thread.join()

    def _ask(self, client: int) -> None:
        number = 0
        while not self.ending.is_set():
            number += 1
            leaves = (client + 7 * number) % round(1 / self.leaving) == 0 if self.leaving else False
            was_ending = self.ending.is_set()
            try:
                status = self._request(leaves, halfway=number % 2 == 0)
            except OSError as error:
                if not was_ending:
                    self.lost.append(f"{type(error).__name__}: {error}")
                continue
            if status is None:
                self.left += 1
            else:
                self.statuses.append(status)

    def _request(self, leaves: bool, halfway: bool) -> int | None:
        with socket.create_connection(("127.0.0.1", self.port), timeout=60) as connection:
            head = f"POST /detect HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(self.content)}\r\n"
            connection.sendall(head.encode() + b"Connection: close\r\n\r\n" + self.content[: len(self.content) // 2])
            if leaves and halfway:
                return None
            connection.sendall(self.content[len(self.content) // 2 :])
            if leaves:
                time.sleep(0.01)
                return None
            answer = b""
            while part := connection.recv(65536):
                answer += part
        head, _, body = answer.partition(b"\r\n\r\n")
        if not head or not body.endswith(b"}"):
            raise ConnectionError(f"half an answer: {answer[:80]!r}")
        return int(head.split()[1])
