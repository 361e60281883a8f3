"""What earlier calls took."""

from __future__ import annotations

from collections.abc import Sequence

from stagegap.model.past import PastCall
from stagegap.store import text
from stagegap.store.attach import Session
from stagegap.store.outputs import CACHEABLE

NEWEST = 1_000
"""Calls that are looked at: enough for a mean within a few per cent, and young."""


def past_calls(session: Session, runs: Sequence[str], stage: str) -> list[PastCall]:
    """The newest calls of a stage that were made in these runs and answered, newest first."""
    rows = session.rows(
        f"""select o.latency_ms, o.tokens_in, o.tokens_out from output o
        where o.run in (select id from run where replace(key::varchar, '-', '') in
                (select unnest(from_json_strict(?::varchar, '["VARCHAR"]'))))
            and o.stage in (select id from stage where name = ?)
            and not o.cached and o.latency_ms is not null and o.status in {CACHEABLE}
        order by o.seq desc limit {NEWEST}""",
        text.write(list(runs)).decode(),
        text.plain(stage),
    )
    return [PastCall(latency_ms=ms, tokens_in=read, tokens_out=written) for ms, read, written in rows]
