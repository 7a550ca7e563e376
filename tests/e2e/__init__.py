"""The end-to-end stories: a real cluster, real pods, a real Elasticsearch."""
