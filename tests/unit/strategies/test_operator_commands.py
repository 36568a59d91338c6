"""What an operator says to the strategy: flatten closes all and opens nothing, resume lets it trade again."""

from arbitrage_scene import HYPERLIQUID, PARADEX, Scene
from nautilus_trader.model.identifiers import ClientOrderId

from messages import Command, Intent, OperatorCommand, PairOrder, topics

WIDE = {HYPERLIQUID: lambda _second: "0.0001", PARADEX: lambda _second: "0.0001"}


def say(scene: Scene, what: Command) -> None:
    command = OperatorCommand(command=what, source="bus", reason="test", ts_ns=7)
    scene.engine.kernel.msgbus.publish(topic=topics.OPERATOR_COMMAND, msg=command)


def tags(scene: Scene, pair: PairOrder) -> tuple[str, ...]:
    (found,) = {tuple(scene.engine.cache.order(ClientOrderId(leg.client_order_id)).tags or ()) for leg in pair.legs}
    return found


def test_after_a_flatten_nothing_is_opened_until_a_person_resumes() -> None:
    scene = Scene()
    scene.feed(60, WIDE)
    seen: list[int] = []
    scene.at(10, lambda: say(scene, Command.FLATTEN))
    scene.at(25, lambda: seen.append(len(scene.pairs)))
    scene.at(40, lambda: (seen.append(len(scene.pairs)), say(scene, Command.RESUME)))
    scene.run()
    assert seen[0] == seen[1]
    assert [pair.intent for pair in scene.pairs[: seen[1]]][-1] is Intent.CLOSE
    assert scene.pairs[seen[1]].intent is Intent.OPEN
    assert {tags(scene, pair) for pair in scene.pairs if pair.intent is Intent.CLOSE} == {("FLATTEN-7",)}
    assert {tags(scene, pair) for pair in scene.pairs if pair.intent is Intent.OPEN} == {()}


def test_the_end_of_a_run_is_not_taken_back_by_a_resume() -> None:
    scene = Scene()
    scene.feed(60, WIDE)
    scene.at(10, scene.strategy.request_flatten)
    scene.at(20, lambda: say(scene, Command.RESUME))
    scene.run()
    assert [pair.intent for pair in scene.pairs] == [Intent.OPEN, Intent.CLOSE]
    assert scene.strategy.is_flat
