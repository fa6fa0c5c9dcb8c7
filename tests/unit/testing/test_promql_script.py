"""The script runner notices what is not as a script expects."""

import pytest

from gnomon.testing.promql_script import ScriptError, run_script

LOAD = """
load 1m
  hits{host="a"} 1+1x3
  hits{host="b"} 5 _ stale 7
"""


def outcomes(text):
    return list(run_script(LOAD + text))


def problem(text):
    (one,) = outcomes(text)
    return one.problem


@pytest.mark.parametrize(
    "text",
    [
        "eval instant at 1m hits\n hits{host='a'} 2\n hits{host='b'} 5",
        'eval instant at 1m sum(hits{host="a"})\n {} 2',
        'eval range from 0 to 3m step 1m hits{host="b"}\n hits{host="b"} 5 5 _ 7',
        "eval instant at 1m 1 + 1\n 2",
        "eval instant at 1m 1 + \n expect fail",
        "eval instant at 1m hits + on () hits\n expect fail regex: found duplicate series .*",
        'eval instant at 1m "x"\n expect string "x"',
        "eval_fail instant at 1m 1 +\n expected_fail_message 1:4: parse error: unexpected end of input",
        "eval_ordered instant at 1m sort_desc(hits)\n hits{host='b'} 5\n hits{host='a'} 2",
        "eval instant at 1m rate(hits[3m])\n expect info\n expect no_warn\n {host='a'} 0.008333333333333333",
    ],
)
def test_what_is_right(text):
    assert problem(text) == ""


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (
            "eval instant at 1m hits\n hits{host='a'} 3\n hits{host='b'} 5",
            "expected [3.0], got [2.0]",
        ),
        ("eval instant at 1m hits\n hits{host='a'} 2", "unexpected {(('__name__', 'hits')"),
        ("eval instant at 1m hits > 9\n hits{host='a'} 2", "missing {"),
        ("eval range from 0 to 3m step 1m sum(hits)\n {} 6 7 3", "got [6.0, 7.0, 3.0, 11.0]"),
        ("eval instant at 1m 1\n 2", "expected scalar 2.0"),
        ("eval instant at 1m hits\n expect fail", "did not fail"),
        ("eval instant at 1m sum(\n expect fail msg: no", "failed: 1:5: parse error"),
        ("eval instant at 1m hits{host='a'}\n expect warn\n hits{host='a'} 2", "expected warn"),
        ("eval instant at 1m rate(hits[3m])\n expect no_info", "unexpected info"),
        ("eval instant at 1m rate(hits[3m])\n expect info msg: x\n {host='a'} 1", "expected info"),
        ("eval_ordered instant at 1m sort(hits)\n hits{host='b'} 5\n hits{host='a'} 2", "order"),
        ('eval instant at 1m "x"\n expect string "y"', "expected string 'y'"),
        (
            "eval instant at 2m hits[2m]\n expect range vector from 1m to 2m step 1m\n hits{host='a'} 2 4",
            "[2.0, 4.0]",
        ),
    ],
)
def test_what_is_wrong(text, says):
    assert says in problem(text)


def test_commands_need_no_blank_lines_between_them_and_clear_forgets():
    found = outcomes("eval instant at 0 1\n 1\neval instant at 0 count(hits)\n {} 2\n")
    assert [one.problem for one in found] == ["", ""]
    (one,) = run_script(f"{LOAD}\nclear\n\neval instant at 0 hits\n")
    assert one.problem == ""


def test_native_histograms_are_told_apart():
    text = (
        "load 1m\n h {{schema:0 count:1 sum:1}}x3\n\neval instant at 1m h\n  h {{count:1 sum:1}}\n"
    )
    (one,) = run_script(text)
    assert one.native
    assert one.problem


@pytest.mark.parametrize(
    "text",
    ["run", "load 1m\n hits 1 2 three", "eval sometimes hits", "eval instant at 0 x\n expect luck"],
)
def test_what_cannot_be_read(text):
    with pytest.raises((ScriptError, ValueError)):
        list(run_script(text))
