"""What runs cost, and how long their answers took."""

from __future__ import annotations

from collections.abc import Sequence

from stagegap.model.past import StageSpending
from stagegap.model.run import SYSTEM
from stagegap.store import text
from stagegap.store.attach import Session


def spent(session: Session, cascade: str) -> dict[str, float]:
    """US dollars by run, of all calls that were made for it; answers from the cache cost nothing."""
    rows = session.rows(
        """select replace(r.key::varchar, '-', ''), sum(o.cost) from output o
            join run r on r.id = o.run join cascade c on c.id = r.cascade
        where c.name = ? and not o.cached and o.cost is not null group by all""",
        text.plain(cascade),
    )
    return dict(rows)


def by_stage(session: Session, runs: Sequence[str]) -> dict[tuple[str, str], StageSpending]:
    """What the system's answers cost and took when they were made, by run and stage, cached answers included.

    An answer that came from the cache carries what it took then, so that a stage's price is the same in every run.
    """
    rows = session.rows(
        """select replace(r.key::varchar, '-', ''), s.name,
            avg(o.cost), count(o.cost), median(o.latency_ms), count(o.latency_ms)
        from (select * from output
              where run in (select id from run where key in (select unnest(?::uuid[])))
                  and cell in (select id from cell where name = ?)
              qualify row_number() over (partition by run, stage, record, repeat order by seq desc) = 1) o
            join run r on r.id = o.run join stage s on s.id = o.stage group by all""",
        list(runs),
        str(SYSTEM),
    )
    return {
        (run, stage): StageSpending(cost=cost, priced=priced, latency_ms=latency, timed=timed)
        for run, stage, cost, priced, latency, timed in rows
    }
