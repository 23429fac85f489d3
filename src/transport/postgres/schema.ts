import { invalidOption } from "../../shared/option-reader.js";

/** The distance from a node's head to the next position after a loss: ten seconds. See `marksAfterJoin`. */
const clearance = 10_000 * 2048;

/** The version of the schema. A newer one in the database is refused. */
export const schemaVersion = 1;

/** The SQLSTATE of the schema's own exceptions. */
export const schemaErrors = {
  /** The session of a node has ended, or another one has begun. */
  fenced: "MR001",
  /** A function was called at another isolation level than read committed. */
  isolation: "MR002",
} as const;

/**
 * Checks the name of a schema, which is part of the SQL text. PostgreSQL needs no quotes for such names.
 *
 * @throws MercureError `ERR_OPTION`
 */
export function checkSchemaName(name: string): string {
  if (/^[a-z_][a-z0-9_]{0,62}$/.test(name)) return name;
  throw invalidOption(
    "schema",
    `must have 1 to 63 small letters, digits and _, and must not begin with a digit: ${JSON.stringify(name)}`,
  );
}

/** Returns the expression that takes the lock for assigning positions. Locks of other applications have other keys. */
const lock = (s: string) => `pg_advisory_xact_lock(1299596901, hashtext('${s}'))`;

/**
 * Returns the statements that create the schema, or bring an older one up to date. They are one transaction if they are
 * sent as one query, and several nodes can run them at once.
 *
 * An update of a transaction waits in the table `outgoing`. A deferred trigger moves it to the log at COMMIT, under the
 * lock, which the transaction releases after its commit is visible. Positions therefore have the order of the commits.
 * The trigger only inserts: reading a table would make serializable transactions fail.
 *
 * The last position is a sequence, and no row, because a row would make repeatable-read transactions fail.
 */
export function schemaStatements(s: string): string {
  return `begin;
select ${lock(s)};
create schema if not exists ${s};

create table if not exists ${s}.meta (
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
insert into ${s}.meta (version) values (${schemaVersion}) on conflict do nothing;

create sequence if not exists ${s}.last_position;

create table if not exists ${s}.log (
  position bigint primary key,
  topics text[],
  data text,
  private boolean,
  id text,
  type text,
  retry int,
  keep boolean,
  key text,
  own jsonb,
  control jsonb,
  origin text
);
create index if not exists log_id on ${s}.log (id, position) where id is not null;

create table if not exists ${s}.outgoing (
  number bigint generated always as identity primary key,
  topics text[] not null check (cardinality(topics) > 0),
  data text not null,
  private boolean not null,
  id text,
  type text,
  retry int,
  keep boolean,
  key text
);

create table if not exists ${s}.nodes (
  node text primary key,
  session text not null,
  lease_end timestamptz not null
);
create table if not exists ${s}.entries (
  node text not null references ${s}.nodes on delete cascade,
  key text not null,
  value text not null,
  primary key (node, key)
);

create or replace view ${s}.history as
  select position, topics, data, private, id, type, retry, key,
    to_timestamp(1704067200 + position / 2048000.0) as published_at
  from ${s}.log where topics is not null and own is null and keep is not false;

create or replace function ${s}.next_position() returns bigint
language sql volatile set search_path = pg_catalog, pg_temp as $f$
  select setval('${s}.last_position', greatest(
    (select case when is_called then last_value else 0 end from ${s}.last_position) + 1,
    floor((extract(epoch from clock_timestamp()) * 1000 - 1704067200000) * 2048)::bigint))
$f$;

create or replace function ${s}.place() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $f$
begin
  perform ${lock(s)};
  insert into ${s}.log (position, topics, data, private, id, type, retry, keep, key)
  values (${s}.next_position(), new.topics, new.data, new.private, new.id, new.type, new.retry, new.keep, new.key);
  perform pg_notify('${s}', '');
  return null;
end $f$;

do $d$ begin
  if not exists (select from pg_trigger where tgname = 'place' and tgrelid = '${s}.outgoing'::regclass) then
    create constraint trigger place after insert on ${s}.outgoing
    deferrable initially deferred for each row execute function ${s}.place();
  end if;
end $d$;

create or replace function ${s}.publish(
  topics text[], data text, private boolean default false, id text default null, type text default null,
  retry int default null, key text default null, keep boolean default true
) returns void
language sql volatile security definer set search_path = pg_catalog, pg_temp as $f$
  insert into ${s}.outgoing (topics, data, private, id, type, retry, key, keep)
  values ($1, $2, $3, $4, $5, $6, $7, $8)
$f$;

create or replace function ${s}.lock_log() returns void
language plpgsql set search_path = pg_catalog, pg_temp set lock_timeout = '4s' as $f$
begin
  if current_setting('transaction_isolation') <> 'read committed' then
    raise exception 'the connection of the hub must have the isolation level read committed' using errcode = '${schemaErrors.isolation}';
  end if;
  perform ${lock(s)};
end $f$;

create or replace function ${s}.end_nodes() returns void
language plpgsql set search_path = pg_catalog, pg_temp as $f$
declare ended text;
begin
  for ended in delete from ${s}.nodes where lease_end <= clock_timestamp() returning node loop
    insert into ${s}.log (position, control) values (${s}.next_position(), jsonb_build_object('gone', ended));
    perform pg_notify('${s}', '');
  end loop;
end $f$;

create or replace function ${s}.join_log(
  this_node text, new_session text, lease interval, head bigint, heard bigint, known_lost bigint, known_seen bigint,
  new_key bytea
) returns jsonb
language plpgsql set search_path = pg_catalog, pg_temp as $f$
declare m ${s}.meta; last bigint; missed bigint := 0;
begin
  perform ${s}.lock_log();
  perform ${s}.end_nodes();
  insert into ${s}.nodes values (this_node, new_session, clock_timestamp() + lease)
  on conflict (node) do update set session = excluded.session, lease_end = excluded.lease_end;
  select * into m from ${s}.meta for update;
  select case when is_called then last_value else 0 end into last from ${s}.last_position;
  m.lost := greatest(m.lost, known_lost);
  m.seen := greatest(m.seen, known_seen);
  if heard <= m.deleted or exists (select from ${s}.log where position = heard) or heard <= m.seen then
    if head > last then last := head + ${clearance}; end if;
    if heard <> m.seen then missed := m.lost; end if;
  elsif heard > last then
    if head > last then last := head + ${clearance}; end if;
    m.lost := heard;
    m.seen := heard;
  else
    m.lost := last + 1;
    m.seen := heard;
    last := greatest(m.lost, case when head > last then head + ${clearance} else 0 end);
  end if;
  if last > 0 then perform setval('${s}.last_position', last); end if;
  update ${s}.meta set lost = m.lost, seen = m.seen, floor = last, key = coalesce(key, new_key) returning * into m;
  return jsonb_build_object(
    'key', encode(m.key, 'hex'), 'last', last, 'dropped', m.dropped, 'forgotten', m.forgotten, 'lost', m.lost,
    'seen', m.seen, 'missed', missed, 'now', extract(epoch from clock_timestamp()) * 1000,
    'entries', (select coalesce(jsonb_agg(jsonb_build_array(e.node, e.key, e.value)), '[]') from ${s}.entries e));
end $f$;

create or replace function ${s}.append(this_node text, this_session text, lease interval, head bigint, batch jsonb)
returns bigint[]
language plpgsql set search_path = pg_catalog, pg_temp as $f$
declare e jsonb; c jsonb; positions bigint[] := '{}'; p bigint; newest ${s}.log; draft jsonb;
begin
  perform ${s}.lock_log();
  update ${s}.nodes set lease_end = clock_timestamp() + lease where node = this_node and session = this_session;
  if not found then
    raise exception 'another session of this node has begun, or its lease has ended' using errcode = '${schemaErrors.fenced}';
  end if;
  if current_setting('synchronous_commit') = 'off' then perform set_config('synchronous_commit', 'local', true); end if;
  for e in select * from jsonb_array_elements(batch) loop
    p := 0;
    draft := e->'draft';
    if draft ? 'id' then
      select * into newest from ${s}.log where id = draft->>'id' order by position desc limit 1;
      if not found or newest.position <= head then
        p := (e->>'repeats')::bigint;
      elsif newest.topics = array(select jsonb_array_elements_text(draft->'topics')) and newest.data = draft->>'data'
        and newest.private = (draft->>'private')::boolean and newest.type is not distinct from draft->>'type'
        and newest.retry is not distinct from (draft->>'retry')::int then
        p := newest.position;
      end if;
    end if;
    if p = 0 then
      p := ${s}.next_position();
      insert into ${s}.log (position, topics, data, private, id, type, retry, keep, key, own, control, origin)
      values (p, case when draft is not null then array(select jsonb_array_elements_text(draft->'topics')) end,
        draft->>'data', (draft->>'private')::boolean, draft->>'id', draft->>'type', (draft->>'retry')::int,
        (draft->>'keep')::boolean, draft->>'key', e->'own', e->'control', e->>'origin');
    end if;
    for c in select * from jsonb_array_elements(e->'control'->'changes') loop
      if c->>1 is null then
        delete from ${s}.entries where node = this_node and key = c->>0;
      else
        insert into ${s}.entries values (this_node, c->>0, c->>1)
        on conflict (node, key) do update set value = excluded.value;
      end if;
    end loop;
    positions := positions || p;
  end loop;
  perform pg_notify('${s}', '');
  return positions;
end $f$;

create or replace function ${s}.release(positions bigint[], losses bigint[], new_forgotten bigint) returns void
language plpgsql set search_path = pg_catalog, pg_temp as $f$
begin
  perform ${s}.lock_log();
  with gone as (delete from ${s}.log where position = any (positions) returning position)
  update ${s}.meta set
    deleted = greatest(deleted, (select max(position) from gone)),
    dropped = greatest(dropped, (select max(position) from gone where position = any (losses))),
    forgotten = greatest(forgotten, new_forgotten);
end $f$;

create or replace function ${s}.renew(this_node text, this_session text, lease interval) returns void
language plpgsql set search_path = pg_catalog, pg_temp as $f$
begin
  perform ${s}.lock_log();
  update ${s}.nodes set lease_end = clock_timestamp() + lease where node = this_node and session = this_session;
  if not found then
    raise exception 'another session of this node has begun, or its lease has ended' using errcode = '${schemaErrors.fenced}';
  end if;
  perform ${s}.end_nodes();
  delete from ${s}.outgoing;
end $f$;

create or replace function ${s}.retire(this_node text, this_session text) returns void
language plpgsql set search_path = pg_catalog, pg_temp as $f$
begin
  perform ${s}.lock_log();
  update ${s}.nodes set lease_end = clock_timestamp() where node = this_node and session = this_session;
  perform ${s}.end_nodes();
end $f$;

revoke all on function ${s}.next_position(), ${s}.place(), ${s}.lock_log(), ${s}.end_nodes(),
  ${s}.join_log(text, text, interval, bigint, bigint, bigint, bigint, bytea),
  ${s}.append(text, text, interval, bigint, jsonb), ${s}.release(bigint[], bigint[], bigint),
  ${s}.renew(text, text, interval), ${s}.retire(text, text) from public;
commit;
`;
}
