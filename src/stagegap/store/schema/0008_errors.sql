-- A stage's own code that raises is no answer of the system: a status of its own. A type can't be widened where it
-- stands, so the columns pass through text; the rows themselves stay where they are.
alter table output alter column status set data type varchar;
alter table output alter column because set data type varchar;
drop type status;
create type status as enum ('ok', 'repaired', 'unparsable', 'refused', 'infrastructure', 'skipped', 'blocked', 'error');
alter table output alter column status set data type status using status::status;
alter table output alter column because set data type status using because::status;
