from hypothesis import given
from hypothesis import strategies as st

from stagegap.spec.links import circles, ordered, reaching

GRAPHS = st.dictionaries(st.sampled_from("abcdef"), st.lists(st.sampled_from("abcdef"), max_size=3))


def test_the_given_order_is_kept_where_it_may_be():
    assert ordered({"c": ["a"], "b": [], "a": []}) == ("b", "a", "c")


@given(GRAPHS)
def test_every_name_is_ordered_or_held_back_by_a_circle_or_an_unknown_name(graph):
    graph = {name: [p for p in parents if p in graph and p != name] for name, parents in graph.items()}
    order, found = ordered(graph), circles(graph)
    assert all(order.index(p) < order.index(n) for n in order for p in graph[n])
    assert (len(order) == len(graph)) == (not found)
    for circle in found:
        assert all(a in graph[b] for a, b in zip(circle, (*circle[1:], circle[0]), strict=True))


def test_several_circles_are_all_found():
    assert circles({"a": ["b"], "b": ["a"], "c": ["d"], "d": ["c"], "e": ["a"]}) == [("a", "b"), ("c", "d")]


def test_what_a_stage_depends_on_includes_itself():
    assert reaching("c", {"a": [], "b": ["a"], "c": ["b"], "d": ["c"]}) == {"a", "b", "c"}
