"""Sources into documents: the write API for applications (`Documents`), connectors, and the run that keeps a source's
documents up to date (`turnout.ingest.ingestion`)."""

from turnout.ingest.documents import Documents, Outcome
from turnout.ingest.sending import Unacknowledged
from turnout.ingest.source import Connector, SourceDocument, Unreadable

__all__ = ["Connector", "Documents", "Outcome", "SourceDocument", "Unacknowledged", "Unreadable"]
