import pytest
from aiohttp import web

from adapters.errors import Connectivity
from adapters.transport.http import NautilusHttp


@pytest.fixture
async def base_url():
    async def answer(request):
        body = await request.read()
        return web.Response(status=int(request.query["status"]), body=body or b"none", headers={"Retry-After": "3"})

    app = web.Application()
    app.router.add_route("*", "/", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}/"
    await runner.cleanup()


@pytest.mark.parametrize(("method", "status"), [("GET", 200), ("POST", 429), ("PUT", 503), ("DELETE", 204)])
async def test_every_status_is_an_answer_to_judge(base_url, method, status):
    body = b"payload" if method in ("POST", "PUT") else None
    response = await NautilusHttp().request(method, f"{base_url}?status={status}", body=body)
    assert response.status == status
    assert response.headers["retry-after"] == "3"
    if status != 204:
        assert response.body == (body or b"none")


async def test_no_answer_is_a_connectivity_error():
    with pytest.raises(Connectivity):
        await NautilusHttp(timeout_secs=1).request("GET", "http://127.0.0.1:9/")
