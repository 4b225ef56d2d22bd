"""The Lambda-compatible HTTP endpoint that the AWS CLI and boto3 talk to. Loopback only.

Knows the facade and the model. Invariant: the wire format lives here; nothing below has heard of it.
"""
