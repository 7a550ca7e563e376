"""The adapter to the Kubernetes API: what the controller reads as typed values, and the few things that it writes.

Called by `turnout.controller` only. Nobody else imports the vendor's client.
"""
