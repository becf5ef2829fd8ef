"""Short messages about critical alerts: what Alertmanager posts is handed to whatever service Apprise knows.

    Alertmanager --webhook--> POST /alerts --one line of text--> each address of the file (an SMS service, a messenger)

A program of its own (`python -m exporters.sms`), because the watching must not stop for a provider's sake.
"""
