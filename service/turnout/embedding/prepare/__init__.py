"""From a model as published to a folder that the torch-free runtimes load. Needs the extra `prepare`.

Called by `turnout model prepare`, by the demo and by tests; never by a follower or a pod. Everything here does nothing
if the store has the result already, and a folder appears in the store whole or not at all.
"""

from turnout.embedding.prepare.artifact import model_of
from turnout.embedding.prepare.distil import distil_static
from turnout.embedding.prepare.encoder import prepare
from turnout.embedding.prepare.sources import minilm_source, source_folder

__all__ = ["distil_static", "minilm_source", "model_of", "prepare", "source_folder"]
