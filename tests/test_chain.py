"""Facts about the chain of responders."""

from kmock.chain import Chain
from kmock.messages import Answer, Outcome, Request


class Only:
    """Answers one path, and notes what it was asked."""

    def __init__(self, path: str, status: int) -> None:
        self.path = path
        self.status = status
        self.asked: list[str] = []

    async def respond(self, request: Request) -> Answer | None:
        self.asked.append(request.path)
        return Answer(status=self.status) if request.path == self.path else None


class Watcher(Only):
    """One that also wants to know how exchanges end."""

    def __init__(self) -> None:
        super().__init__('/none', 500)
        self.seen: list[tuple[str, int | None, Outcome]] = []

    def observe(self, request: Request, answer: Answer | None, outcome: Outcome) -> None:
        self.seen.append((request.path, answer and answer.status, outcome))


async def test_the_first_that_knows_the_request_answers_and_the_rest_are_not_asked() -> None:
    first, second, third = Only('/a', 201), Only('/b', 202), Only('/b', 203)
    chain = Chain([first, second, third])
    answer = await chain.respond(Request.make('GET', '/b'))
    assert answer is not None
    assert answer.status == 202
    assert (first.asked, second.asked, third.asked) == (['/b'], ['/b'], [])


async def test_nobody_knows_is_none() -> None:
    assert await Chain([Only('/a', 200)]).respond(Request.make('GET', '/x')) is None
    assert await Chain([]).respond(Request.make('GET', '/x')) is None


def test_observers_learn_of_every_exchange_also_of_others() -> None:
    watcher = Watcher()
    chain = Chain([Only('/a', 200), watcher])
    chain.observe(Request.make('GET', '/a'), Answer(status=200), Outcome.COMPLETE)
    chain.observe(Request.make('GET', '/z'), None, Outcome.CLIENT_CLOSED)
    assert watcher.seen == [('/a', 200, Outcome.COMPLETE), ('/z', None, Outcome.CLIENT_CLOSED)]
