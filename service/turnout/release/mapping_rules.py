"""What must hold between the mapping and the other files. Called by `rules` with files that are valid by themselves."""

from __future__ import annotations

from collections.abc import Iterator

from turnout.release.artifacts import Model, Pipeline
from turnout.release.document import Document
from turnout.release.findings import Finding, Path, shown
from turnout.release.mapping import Mapping

_WHOLE_NUMBERS = ("byte", "short", "integer", "long", "unsigned_long")
_FILTERABLE = frozenset({"keyword", "constant_keyword", "wildcard", "boolean", "ip", "version", *_WHOLE_NUMBERS})


def passages_exist(document: Document, mapping: Mapping, pipeline: Pipeline) -> Iterator[Finding]:
    index = pipeline.index
    wanted = {
        ("passages",): (index.passages, "nested"),
        ("passage_text",): (f"{index.passages}.{index.passage_text}", "text"),
        ("passage_vector",): (f"{index.passages}.{index.passage_vector}", "dense_vector"),
    }
    for path, (name, kind) in wanted.items():
        field = mapping.fields.get(name)
        if field is None or field.type != kind:
            yield _not_of_type(document, ("index", *path), name, mapping, kind)
            return
    if pipeline.chunk.max_passages > mapping.nested_limit:
        problem = f"the mapping takes {mapping.nested_limit} nested objects in a document"
        remedy = "lower max_passages or raise index.mapping.nested_objects.limit in mapping.json"
        yield document.finding(("chunk", "max_passages"), "too-many-passages", problem, remedy)


def _not_of_type(document: Document, path: Path, name: str, mapping: Mapping, kind: str) -> Finding:
    field = mapping.fields.get(name)
    if field is None:
        remedy = f"add it to {mapping.document.file} with type {kind}, or name another field"
        return document.finding(path, "field-missing", f"the mapping has no field {shown(name)}", remedy)
    problem = f"{shown(name)} is of type {shown(field.type)} in the mapping, not {kind}"
    return document.finding(path, "field-type", problem, f"name a field of type {kind}")


def copies_arrive(document: Document, mapping: Mapping, pipeline: Pipeline) -> Iterator[Finding]:
    for name in pipeline.index.copy:
        path, field = ("index", "copy", name), mapping.fields.get(name)
        if field is None:
            yield _not_of_type(document, path, name, mapping, "text or keyword")
        elif field.parent:
            problem = f"{shown(name)} is a multi-field: it is filled through {shown(field.parent)}"
            yield document.finding(path, "field-type", problem, f"copy to {field.parent}", at_key=True)
        elif field.nested or field.type in ("nested", "dense_vector", "alias"):
            problem = f"{shown(name)} is {'part of ' * field.nested}a field that a copy can't fill ({field.type})"
            yield document.finding(path, "field-type", problem, "copy to a plain field", at_key=True)


def searched_fields_exist(document: Document, mapping: Mapping, pipeline: Pipeline) -> Iterator[Finding]:
    retrieval = pipeline.retrieval
    named = [(("retrieval", "lexical_fields", name), name, frozenset({"text"})) for name in retrieval.lexical_fields]
    for place, name in enumerate(retrieval.filter_fields):
        named.append((("retrieval", "filter_fields", place), name, _FILTERABLE))  # type: ignore[arg-type]
    filled = set(pipeline.index.copy) | _copied_to(mapping, pipeline)
    for path, name, kinds in named:
        field = mapping.fields.get(name)
        if field is None or field.type not in kinds or field.nested:
            yield _not_of_type(document, path, name, mapping, "text" if "text" in kinds else "keyword")
        elif field.definition.get("index") in (False, "false"):
            problem = f"{shown(name)} is not indexed (`index` is false in the mapping)"
            yield document.finding(path, "field-type", problem, "index it, or name another field")
        elif (field.parent or name) not in filled:
            problem = f"nothing fills {shown(name)}: it isn't in index.copy"
            yield document.finding(path, "field-empty", problem, "add it to index.copy or drop it here")


def _copied_to(mapping: Mapping, pipeline: Pipeline) -> set[str]:
    """Fields that Elasticsearch fills from copied ones."""
    targets: set[str] = set()
    for name in pipeline.index.copy:
        field = mapping.fields.get(name)
        more = field.definition.get("copy_to", []) if field else []
        targets.update([more] if isinstance(more, str) else (each for each in more if isinstance(each, str)))
    return targets


def vector_fits(mapping: Mapping, model: Model, pipeline: Pipeline) -> Iterator[Finding]:
    field = mapping.fields.get(f"{pipeline.index.passages}.{pipeline.index.passage_vector}")
    if field is None or field.type != "dense_vector":
        return  # `passages_exist` says so
    given, document = field.definition, mapping.document

    def wrong(name: str, rule: str, problem: str, remedy: str) -> Finding:
        return document.finding((*field.path, name), rule, problem, remedy)

    if given.get("dims") != model.dims or isinstance(given.get("dims"), bool):
        problem = f"dims is {shown(given.get('dims'))}, the model gives vectors of {model.dims} (model.yaml)"
        yield wrong("dims", "dims-mismatch", problem, f"write {model.dims}, or take another model")
    if given.get("similarity") != model.similarity:
        problem = f"similarity is {shown(given.get('similarity'))}, model.yaml says {model.similarity}"
        yield wrong("similarity", "similarity-mismatch", problem, f'write "{model.similarity}", or change model.yaml')
    if given.get("element_type", "float") != "float":
        problem = f"vectors are written as float, not as {shown(given['element_type'])}"
        yield wrong("element_type", "element-type", problem, "drop it; int8 and smaller are index_options")
    if given.get("index", True) is not True:
        yield wrong("index", "vector-not-indexed", "without an index there is no nearest-neighbour search", "drop it")
    options = given.get("index_options")
    if not isinstance(options, dict) or "type" not in options:
        problem = "without index_options.type the server picks one, another in each version"
        yield wrong("index_options", "index-options-missing", problem, 'add "index_options": {"type": "int8_hnsw"}')
