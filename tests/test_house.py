"""The tree in the docstring of the house is the one that is built."""

import ast
import inspect
import re

from kiq_trio import _duties, _house


def services() -> set[str]:
    """Return the names of all that a house and its duties run in the background."""
    calls = [
        node.args[0]
        for room in (_house, _duties)
        for node in ast.walk(ast.parse(inspect.getsource(room)))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id == "background"
    ]
    owners = [ast.unparse(call).removesuffix(".run") for call in calls]
    return {re.sub(r"\(.*", "", name).rpartition(".")[2].lower() for name in owners}


def test_the_tree_in_the_docstring_names_everything_that_runs() -> None:
    tree, _, _ = (_house.__doc__ or "").partition("The blocks below")
    named = set(re.findall(r"\w+", tree))

    assert len(services()) > 5
    assert services() <= named
