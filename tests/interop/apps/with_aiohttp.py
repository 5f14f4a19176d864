"""Receivers in aiohttp, as risr/advance's document means them, with python-jose. The sample there prints a name that it
does not have, and answers 500 to what it does not believe."""

import asyncio
import base64
import hashlib
import hmac
import json
import os

import jose.exceptions
import jose.jws
from aiohttp import web

LVCONNECT, LOGINRADIUS, LMIF, RISR = (
    os.environ[f"{it}_SECRET"] for it in ("LVCONNECT", "LOGINRADIUS", "LMIF", "RISR")
)


def seen(request, body, accepted, event=None):
    """Tells the suite of a request: a line of JSON on standard output."""
    headers = {name.lower(): value for name, value in request.headers.items()}
    raw = [text.decode() for pair in request.raw_headers for text in pair]
    told = {"method": request.method, "target": request.path_qs, "headers": headers, "rawHeaders": raw}
    print(json.dumps({**told, "body": base64.b64encode(body).decode(), "accepted": accepted, "event": event}), flush=True)


def signed(header, algorithm, secret, write):
    """Lets a request pass only if this header holds the HMAC of its bytes."""

    def decorate(handle):
        async def checked(request):
            body = await request.read()
            expected = write(hmac.new(secret.encode(), body, algorithm).hexdigest())
            if not hmac.compare_digest(expected.encode(), request.headers.get(header, "").encode()):
                seen(request, body, False)
                return web.Response(status=401, text="Invalid signature")
            return await handle(request, body)

        return checked

    return decorate


@signed("X-LVConnect-Signature", hashlib.sha1, LVCONNECT, "sha1={}".format)
async def handle_lvconnect(request, body):
    seen(request, body, True, [request.headers["X-LVConnect-Event"], request.headers["X-LVConnect-Delivery"]])
    return web.Response(status=204)


@signed("signature", hashlib.sha256, LOGINRADIUS, str.upper)
async def handle_loginradius(request, body):
    event = json.loads(body)
    seen(request, body, True, [event["HookName"], event["HookId"]])
    return web.json_response({"received": event["HookId"]})


@signed("X-LMIF-Signature", hashlib.sha256, LMIF, "sha256={}".format)
async def handle_lmif(request, body):
    event = json.loads(body)
    seen(request, body, True, [event["type"], event["id"]])
    return web.Response(text="OK")


async def handle_risr(request):
    token = await request.text()
    try:
        payload = json.loads(jose.jws.verify(token, RISR, algorithms=["HS256"]))
    except jose.exceptions.JWSError:
        seen(request, token.encode(), False)
        return web.Response(status=401, text="Invalid signature")
    seen(request, token.encode(), True, [None, payload["webhook_request_id"]])
    return web.json_response({"ok": True})


async def main():
    app = web.Application()
    app.add_routes([
        web.post("/hooks/lvconnect", handle_lvconnect), web.post("/hooks/loginradius", handle_loginradius),
        web.post("/hooks/lmif", handle_lmif), web.post("/hooks/risr", handle_risr),
    ])
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    print(f"listening {runner.addresses[0][1]}", flush=True)
    await asyncio.Event().wait()


asyncio.run(main())
