"""Keep the deletes of a collection outside Elasticsearch, so that a restore from a snapshot brings none of them back.

`keeper` copies them to a file, `file` is that file, `verdict` tells from it what a restored document has become.
Used by `turnout ledger` and by `turnout.restore`.
"""

from turnout.ledger.file import Ledger, LedgerFile, Section, read
from turnout.ledger.keeper import Keeper, Synced
from turnout.ledger.lines import Change
from turnout.ledger.verdict import Known, Verdict, verdict

__all__ = ["Change", "Keeper", "Known", "Ledger", "LedgerFile", "Section", "Synced", "Verdict", "read", "verdict"]
