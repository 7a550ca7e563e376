"""Everything that speaks to Elasticsearch.

`reader` and `writer` are two classes with two credentials on purpose: what can only read can't break anything.
`state` holds what turnout remembers between runs, `names` the index names, `node` a local server for demo and tests.
"""
