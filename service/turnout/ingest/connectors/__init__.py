"""One file per kind of source; `turnout.ingest.connectors.registry.make` picks one by its name in pipeline.yaml."""
