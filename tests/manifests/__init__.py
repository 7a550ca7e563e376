"""Tests of manifests/: what kustomize makes of it, held against schemas and against the rules that hurt when broken."""
