import { recordVersion } from "../record-version.js";
import { clearance } from "../shared/shared-log.js";
import { schemaRevision, schemaVersion } from "./schema-version.js";

/** The name of the schema in the statements. */
const s = "$schema";

/** Takes the lock for assigning positions. Locks of other applications have other keys. */
const lock = `pg_advisory_xact_lock(1299596901, hashtext('${s}'))`;
const path = `set search_path = pg_catalog, ${s}, pg_temp as $f$`;
const routine = `language plpgsql ${path}`;
/** A function that takes the lock, and gives up before the hub does. */
const locking = `set lock_timeout = '4s' ${routine}`;
/**
 * The end of a function without a setting for its search path, because setting it takes time: the function's text names
 * the schema.
 */
const inner = "language plpgsql as $f$";
const create = "create or replace function";
const draft = "topics text[], data text, private boolean, id text, type text, retry int, keep boolean, key text";

/**
 * The statements that create the schema, or update an older one. Sent as one query they are one transaction, and
 * several nodes can run them at once.
 *
 * An update of a transaction waits in the table `outgoing`. A deferred trigger moves it to the log at COMMIT, under the
 * lock, which the transaction releases after its commit is visible. Positions therefore have the order of the commits.
 * The trigger only inserts: reading a table would make serializable transactions fail.
 *
 * The last position is a sequence, because updating a row would make repeatable-read transactions fail.
 */
export const statements = `begin;
select ${lock};
set local lock_timeout = '2s';
create schema if not exists ${s};
set local search_path = ${s};

create table if not exists meta (
  only_row boolean primary key default true check (only_row),
  version int not null,
  key bytea,
  floor bigint not null default 0,
  deleted bigint not null default 0,
  dropped bigint not null default 0,
  forgotten bigint not null default 0,
  lost bigint not null default 0,
  seen bigint not null default 0
);
insert into meta (version) values (${schemaVersion}) on conflict do nothing;

create sequence if not exists last_position;
create table if not exists log (position bigint primary key, ${draft}, own jsonb, control jsonb, origin text,
  version int default ${recordVersion});
do $d$ begin
  if not exists (select from pg_attribute where attrelid = 'log'::regclass and attname = 'version') then
    alter table log add version int default ${recordVersion};
  end if;
end $d$;
create index if not exists log_id on log (id, position) where id is not null;

create table if not exists outgoing (${draft}, constraint valid check ((
  cardinality(topics) > 0 and not topics && '{"",*}' and array_position(topics, null) is null and data is not null
  and private is not null and coalesce(id, '-') !~ '^(#|$)|[\\r\\n]' and coalesce(type, '-') !~ '^$|[\\r\\n]'
) is true));

create table if not exists nodes (node text primary key, session text not null, lease_end timestamptz not null);
create table if not exists entries (
  node text references nodes on delete cascade, key text, value text not null, primary key (node, key)
);

create or replace view history as
  select position, topics, data, private, id, type, retry, key,
    to_timestamp(1704067200 + position / 2048000.0) as published_at
  from log where topics is not null and own is null and keep is not false;

${create} next_position() returns bigint ${inner}
declare last bigint;
begin
  select case when is_called then last_value else 0 end into last from ${s}.last_position;
  return setval('${s}.last_position', greatest(last + 1,
    floor((extract(epoch from clock_timestamp()) * 1000 - 1704067200000) * 2048)::bigint));
end $f$;

${create} place() returns trigger security definer ${routine}
begin
  perform ${lock};
  insert into log select next_position(), new.*;
  perform pg_notify('${s}', '');
  return null;
end $f$;

do $d$ begin
  if not exists (select from pg_trigger where tgname = 'place' and tgrelid = 'outgoing'::regclass) then
    create constraint trigger place after insert on outgoing
    deferrable initially deferred for each row execute function place();
  end if;
end $d$;

${create} publish(
  topics text[], data text, private boolean default false, id text default null, type text default null,
  retry int default null, key text default null, keep boolean default true
) returns void security definer language sql ${path}
  insert into outgoing values ($1, $2, $3, $4, $5, $6, $8, $7)
$f$;

${create} lock_log(this_node text, this_session text, lease interval) returns void ${inner}
declare valid_until timestamptz;
begin
  if current_setting('transaction_isolation') <> 'read committed' then
    raise exception 'the connection of the hub must have the isolation level read committed';
  end if;
  perform ${lock};
  if this_session is null then return; end if;
  select lease_end into valid_until from ${s}.nodes where node = this_node and session = this_session;
  if not found then
    raise exception 'another session of this node has begun, or its lease has ended';
  end if;
  if valid_until < clock_timestamp() + 0.9 * lease or lease <= '0' then
    update ${s}.nodes set lease_end = clock_timestamp() + lease where node = this_node;
  end if;
end $f$;

${create} end_nodes() returns void ${routine}
declare ended text;
begin
  for ended in delete from nodes where lease_end <= clock_timestamp() returning node loop
    insert into log (position, control) values (next_position(), jsonb_build_object('gone', ended));
    perform pg_notify('${s}', '');
  end loop;
end $f$;

${create} join_log(
  this_node text, new_session text, lease interval, head bigint, heard bigint, known_lost bigint, known_seen bigint,
  new_key bytea
) returns jsonb ${locking}
declare m meta; before bigint; last bigint; missed bigint; found bigint := 0; answer jsonb;
begin
  perform lock_log(null, null, null);
  insert into nodes values (this_node, new_session, clock_timestamp() + lease)
  on conflict (node) do update set session = excluded.session, lease_end = excluded.lease_end;
  select * into m from meta for update;
  select case when is_called then last_value else 0 end into before from last_position;
  if known_lost > m.lost then found := known_lost; end if;
  m.lost := greatest(m.lost, known_lost);
  m.seen := greatest(m.seen, known_seen);
  missed := case m.seen when heard then 0 when known_seen then known_lost else m.lost end;
  if heard > m.seen and heard > m.deleted and not exists (select from log where position = heard) then
    found := heard;
    m.seen := heard;
    missed := 0;
  end if;
  if found > 0 then m.lost := greatest(m.lost, found, before + 1); end if;
  last := greatest(m.lost, case when head > before then head + ${clearance} else before end);
  if last > 0 then perform setval('${s}.last_position', last); end if;
  update meta set lost = m.lost, seen = m.seen, floor = last, key = coalesce(key, new_key) returning * into m;
  answer := to_jsonb(m) || jsonb_build_object(
    'key', encode(m.key, 'hex'), 'last', last, 'missed', missed, 'now', extract(epoch from clock_timestamp()) * 1000,
    'entries', (select coalesce(jsonb_agg(jsonb_build_array(node, e.key, value)), '[]') from entries e));
  perform end_nodes();
  return answer;
end $f$;

${create} append(this_node text, this_session text, lease interval, head bigint, batch jsonb)
returns bigint[] ${locking}
declare e jsonb; c jsonb; positions bigint[] := '{}'; p bigint; r log; newest log;
begin
  perform lock_log(this_node, this_session, lease);
  if current_setting('synchronous_commit') = 'off' then perform set_config('synchronous_commit', 'local', true); end if;
  if not jsonb_path_exists(batch, '$[*] ? (exists(@.id) || exists(@.control))') then
    p := next_position();
    with added as (
      insert into log select p + ordinality - 1, a.topics, a.data, a.private, a.id, a.type, a.retry, a.keep, a.key, a.own,
        a.control, a.origin, coalesce(a.version, ${recordVersion})
      from jsonb_populate_recordset(null::log, batch) with ordinality a
      returning position
    ) select array_agg(position order by position) into positions from added;
    p := setval('${s}.last_position', positions[cardinality(positions)]);
    perform pg_notify('${s}', p::text);
    return positions;
  end if;
  for e in select * from jsonb_array_elements(batch) loop
    p := 0;
    r := jsonb_populate_record(null::log, e);
    if r.id is not null then
      select * into newest from log where id = r.id order by position desc limit 1;
      if not found or newest.position <= head then
        p := e->'repeats';
      elsif (newest.topics, newest.data, newest.private, newest.type, newest.retry)
        is not distinct from (r.topics, r.data, r.private, r.type, r.retry) then
        p := newest.position;
      end if;
    end if;
    if p = 0 then
      p := next_position();
      r.position := p;
      r.version := coalesce(r.version, ${recordVersion});
      insert into log select r.*;
    end if;
    for c in select * from jsonb_array_elements(e->'control'->'changes') loop
      delete from entries where node = this_node and key = c->>0;
      if c->>1 is not null then insert into entries values (this_node, c->>0, c->>1); end if;
    end loop;
    positions := positions || p;
  end loop;
  perform pg_notify('${s}', (select max(each)::text from unnest(positions) each));
  return positions;
end $f$;

${create} release(positions bigint[], losses bigint[], new_forgotten bigint) returns void ${locking}
begin
  perform lock_log(null, null, null);
  with gone as (delete from log where position = any (positions) returning position)
  update meta set
    deleted = greatest(deleted, (select max(position) from gone)),
    dropped = greatest(dropped, (select max(position) from gone where position = any (losses))),
    forgotten = greatest(forgotten, new_forgotten);
end $f$;

${create} renew(this_node text, this_session text, lease interval) returns void ${locking}
begin
  perform lock_log(this_node, this_session, lease);
  perform end_nodes();
  delete from outgoing;
end $f$;

revoke all on function next_position, place, lock_log, end_nodes, join_log, append, release, renew from public;
comment on view history is 'revision ${schemaRevision}';
commit;
`;
