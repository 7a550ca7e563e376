"""The main job from end to end, on real documents and a real Elasticsearch, under load. Run by `make demo`.

An edit of model.yaml becomes a flipped alias while queries, writes and deletes keep coming; three bad releases are
refused; then back and forward again. Everything goes through the `turnout` command and the service, as a user would.
"""
