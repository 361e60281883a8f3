"""What runs cost."""

from __future__ import annotations

from stagegap.store import text
from stagegap.store.attach import Session


def spent(session: Session, cascade: str) -> dict[str, float]:
    """Give US dollars by run, of all calls that were made for it; answers from the cache cost nothing."""
    rows = session.rows(
        """select replace(r.key::varchar, '-', ''), sum(o.cost) from output o
            join run r on r.id = o.run join cascade c on c.id = r.cascade
        where c.name = ? and not o.cached and o.cost is not null group by all""",
        text.plain(cascade),
    )
    return dict(rows)
