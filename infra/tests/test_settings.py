"""Settings are checked before anything is made, and an error says which key and what to write."""

import pytest

from bootstrap.render import recorded
from bootstrap.settings import Settings, SettingsError, Source, settings_from, unknown_keys

CLUSTER = {"environment": "staging", "cluster": "in-cluster", "revision": "main"}
GOOD = {"repository": "https://github.com/example-org/turnout.git", "clusters": [CLUSTER]}


def test_two_keys_are_enough():
    settings = settings_from(GOOD)
    assert isinstance(settings, Settings)
    assert (settings.prometheus, settings.elasticsearch, settings.secret_store) == (Source.BRING, Source.BRING, None)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"repository": None}, "repository is missing"),
        ({"repository": "git@github.com:a/b.git"}, "repository is 'git@github.com:a/b.git': write https://"),
        ({"repository": "https://user:word@github.com/a/b.git"}, "repository is"),
        ({"clusters": []}, "clusters is empty"),
        ({"clusters": [{"environment": "staging"}]}, "all three"),
        ({"clusters": [{**CLUSTER, "revision": 3}]}, "are strings"),
        ({"clusters": [{**CLUSTER, "environment": "../secrets"}]}, "clusters[].environment"),
        ({"clusters": [{**CLUSTER, "cluster": "*"}]}, "clusters[].cluster"),
        ({"clusters": [CLUSTER, CLUSTER]}, "names one cluster twice"),
        ({"prometheus": "yes"}, "prometheus is 'yes': write install or bring"),
        ({"elasticsearch_nodes": "many"}, "elasticsearchNodes is 'many': write a whole number"),
        ({"elasticsearch_nodes": 0}, "elasticsearchNodes is 0: write a number from 1 to 50"),
        ({"elasticsearch_storage": "50"}, "elasticsearchStorage is '50': write 50Gi"),
        ({"secret_store": "Bad Name"}, "secretStore is 'Bad Name'"),
        ({"notifications": "perhaps"}, "notifications is 'perhaps': write true or false"),
        ({"secret_path": "a//b"}, "secretPath is"),
        ({"revision": ""}, "revision is ''"),
    ],
)
def test_a_value_that_can_not_be_used_is_named(change, said):
    with pytest.raises(SettingsError) as error:
        settings_from({**GOOD, **change})
    assert said in str(error.value)


def test_a_misspelt_key_is_found(tmp_path):
    assert unknown_keys({"turnout-infra:promethus": "install"}) == ["turnout-infra:promethus"]
    (tmp_path / "Pulumi.try.yaml").write_text("config:\n  turnout-infra:promethus: install\n")
    with pytest.raises(SettingsError, match="no setting is called turnout-infra:promethus"):
        recorded("try", tmp_path)
