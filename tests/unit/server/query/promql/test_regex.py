"""Go's regular expressions in Python's."""

import re

import pytest

from gnomon.server.query.promql.regex import RegexError, python_regex


@pytest.mark.parametrize(
    ("pattern", "yes", "no"),
    [
        ("a.*b", ["ab", "axxb"], ["a"]),
        ("((?i)PRO).*", ["production", "PROd"], ["xpro"]),
        (".*(?i)tion", ["aTION"], ["aTIO"]),
        ("x(?i)y|z", ["xY", "Z"], ["Xy"]),
        (r"(?P<a>b)(?<c>d)", ["bd"], ["b"]),
        (r"\Qa.b\E+", ["a.b", "a.bb"], ["axb"]),
        (r"[[:alpha:]]+[[:digit:]_-]", ["ab1", "a-"], ["1", "ab"]),
        (r"[]a]", ["]", "a"], ["b"]),
        (r"[^]a]", ["b"], ["]"]),
        (r"a\z", ["a"], ["ab"]),
        (r"\[x\]", ["[x]"], ["x"]),
        (r"(?:a|b){2}", ["ab"], ["a"]),
        (r"[(?i)]", ["(", "?", "i"], ["a"]),
        ("", [""], ["a"]),
    ],
)
def test_same_meaning(pattern, yes, no):
    compiled = re.compile(python_regex(pattern), re.DOTALL)
    assert all(compiled.fullmatch(text) for text in yes)
    assert not any(compiled.fullmatch(text) for text in no)


@pytest.mark.parametrize(
    "pattern", ["(", "a**", "(?=a)", "(?<!a)b", r"(a)\1", "[[:nothing:]]", "(?U)a+", "[b-a]"]
)
def test_what_go_refuses_is_refused(pattern):
    with pytest.raises(RegexError, match="error parsing regexp"):
        python_regex(pattern)
