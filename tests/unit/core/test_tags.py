"""Tags and labels."""

from gnomon.core.tags import labels_to_tags, tags_to_labels


def test_tags_become_labels_and_back():
    tags = ["role:db", "spare", "zone:a", "zone:b", "url:http://x:1"]
    labels = tags_to_labels(tags)
    assert labels == {"role": "db", "spare": "true", "zone": "a,b", "url": "http://x:1"}
    assert labels_to_tags(labels.items()) == tags


def test_a_tag_without_a_name_is_left_out():
    assert tags_to_labels([":x", ""]) == {}
