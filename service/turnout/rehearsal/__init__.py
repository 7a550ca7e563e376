"""Base and head side by side on an ephemeral Elasticsearch. Called by the gate; walks the plan as `apply` does."""
