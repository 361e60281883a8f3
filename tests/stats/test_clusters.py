from __future__ import annotations

from stagegap.stats.spread import clusters, distinct


def test_units_get_codes_in_the_order_of_first_appearance():
    units = clusters(["ann", "bob", "ann", "cy"])
    assert (units.codes.tolist(), units.count, units.are_records) == ([0, 1, 0, 2], 3, False)


def test_records_without_clusters_are_units_of_their_own():
    assert clusters(["a", "b"]).are_records


def test_no_record_has_no_cluster():
    assert (clusters([]).count, distinct(clusters([]).codes)) == (0, 0)
