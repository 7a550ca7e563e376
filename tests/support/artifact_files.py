"""The artifact files of a small valid collection, as text that tests mutate."""

from __future__ import annotations

from turnout.passages import CODE_VERSIONS
from turnout.release import fingerprint
from turnout.release.checking import Checked, check

COLLECTION = "toys"
TODAY = "2026-06-15"

MAPPING = "schemas/toys/mapping.json"
MODEL = "pipelines/toys/model.yaml"
PIPELINE = "pipelines/toys/pipeline.yaml"
GATES = "pipelines/toys/gates.yaml"
OVERRIDES = "pipelines/toys/overrides.yaml"
QUARANTINE = "pipelines/toys/quarantine.yaml"
POLICY = "pipelines/policy.yaml"
LOCK = "pipelines/toys/release.json"
QUERIES = "pipelines/toys/evaluation/queries.jsonl"
QRELS = "pipelines/toys/evaluation/qrels.tsv"

TEXTS = {
    MAPPING: """\
{
  "settings": {
    "number_of_shards": 1
  },
  "mappings": {
    "dynamic": "strict",
    "properties": {
      "title": { "type": "text", "fields": { "exact": { "type": "keyword" } } },
      "body": { "type": "text" },
      "hidden": { "type": "text", "index": false },
      "kind": { "type": "keyword" },
      "size": { "type": "float" },
      "passages": {
        "type": "nested",
        "properties": {
          "text": { "type": "text" },
          "vector": {
            "type": "dense_vector",
            "dims": 16,
            "index": true,
            "similarity": "cosine",
            "index_options": { "type": "int8_hnsw" }
          }
        }
      }
    }
  }
}
""",
    MODEL: """\
# A model that doesn't exist.
apiVersion: turnout/v1
kind: Model
id: toy
revision: "1"
license: Apache-2.0
digests:
  weights: sha256:0000000000000000000000000000000000000000000000000000000000000000
  tokenizer: sha256:1111111111111111111111111111111111111111111111111111111111111111
dims: 16
similarity: cosine
pooling: mean
normalize: true
max_tokens: 128
prefixes:
  query: ""
  passage: ""
runtime:
  name: static
  precision: fp32
price:
  per_million_tokens: 0.5
  currency: USD
""",
    PIPELINE: """\
apiVersion: turnout/v1
kind: Pipeline
source:
  connector: jsonl
  options:
    path: documents.jsonl
clean:
  unicode: NFC
  collapse_whitespace: true
chunk:
  size: 64
  overlap: 8
  max_passages: 50
  on_overflow: refuse
embed:
  batch_size: 16
  rate_limit:
    requests_per_minute: 600
    tokens_per_minute: 1000000
index:
  copy:
    title: title
    body: text
    hidden: fields.hidden
    kind: fields.kind
    size: fields.size
retrieval:
  mode: hybrid
  k: 10
  num_candidates: 50
  rank_window: 60
  rank_constant: 61
  lexical_fields:
    title: 2.0
    body: 1
  filter_fields:
    - kind
  timeout_ms: 1000
limits:
  max_document_bytes: 100000
  max_k: 100
  max_query_chars: 1000
  max_concurrent_searches: 16
budget:
  per_month: 100
  per_backfill: 1
  currency: USD
""",
    GATES: """\
apiVersion: turnout/v1
kind: Gates
verify:
  attestation:
    min_cosine: 0.999
  placeholders:
    max_share: 0.0
  ann_recall:
    k: 10
    min: 0.9
    queries: 50
  quality:
    metric: ndcg@10
    max_loss: 0.02
    alpha: 0.05
    min_queries: 2
""",
    OVERRIDES: """\
apiVersion: turnout/v1
kind: Overrides
overrides:
  - rule: cost-above-budget
    reason: the corpus doubled, see the ticket
    expires: 2026-07-01
""",
    QUARANTINE: """\
apiVersion: turnout/v1
kind: Quarantine
releases:
  - release: r-0123456789abcdef
    reason: half of the searches timed out
    since: 2026-06-01
""",
    QUERIES: """\
{"_id": "q1", "text": "a wooden train", "filters": {"kind": "toy"}}
{"_id": "q2", "text": "a spinning top"}
""",
    QRELS: "query-id\tcorpus-id\tscore\nq1\td1\t2\nq1\td2\t0\nq2\td3\t1\n",
}

POLICY_TEXT = """\
apiVersion: turnout/v1
kind: Policy
licences: [apache-2.0, MIT]
rate_limit:
  max_increase: 1.5
worst_hour:
  max_share: 0.5
limits:
  min_share: 0.75
retention:
  releases: 2
deletions:
  - collection: old-toys
    reason: nobody searches it any more
    expires: 2026-07-01
"""


def checked(texts: dict[str, str], *, today: str = TODAY, collection: str = COLLECTION) -> Checked:
    """Check files given as text."""
    files = {file: text.encode("utf-8", "surrogateescape") for file, text in texts.items()}
    return check(collection, files, today=today, code=CODE_VERSIONS)


def locked(texts: dict[str, str]) -> dict[str, str]:
    """The files with the release.json that belongs to them."""
    release = checked(texts).release
    if release is None:
        raise ValueError("the files are not valid")
    return texts | {LOCK: fingerprint.encode(release).decode()}
