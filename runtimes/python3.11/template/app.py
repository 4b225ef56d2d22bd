"""Greets whoever asks, over HTTP: behind API Gateway (HTTP API) or a function URL."""

import json
import logging

log = logging.getLogger()
log.setLevel("INFO")


def handler(event, context):
    """`event` is a request in payload format 2.0."""
    name = event.get("queryStringParameters", {}).get("name")
    if not name:
        return answer(400, {"error": "Say who you are: ?name=Ada"})
    log.info("greeting %s", name)
    return answer(200, {"greeting": f"Hello, {name}!"})


def answer(status, body):
    return {
        "statusCode": status,
        "headers": {"content-type": "application/json"},
        "body": json.dumps(body, ensure_ascii=False),
    }
