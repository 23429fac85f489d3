import { nextPosition, timeOfPosition } from "../positions.js";
import { recordVersion } from "../record-version.js";
import { clearance } from "../shared/shared-log.js";

const epoch = timeOfPosition(0);
const perMillisecond = nextPosition(0, epoch + 1);
/** A number of positions above the max of one script. */
const positionsOfScript = 2 ** 16;

/**
 * The beginning of each script. `meta` holds the marks and the key of the cursors. `ids` holds the newest position of
 * each publisher's id, with a hash of its content. `nodes` holds the session of each node and the end of its lease.
 */
const prelude = `
local log, ids, meta, nodes, entries = unpack(KEYS)
local time = redis.call('TIME')
local now = time[1] * 1000 + time[2] / 1000
local function text(n) return string.format('%.0f', n) end
local function mark(name) return tonumber(redis.call('HGET', meta, name) or '0') end
local function raise(name, n) if n > mark(name) then redis.call('HSET', meta, name, text(n)) end end
local last = mark('last')
local function after(position) return math.max(position, math.floor((now - ${epoch}) * ${perMillisecond})) end
local function push(origin, content, own)
  last = after(last + 1)
  redis.call('XADD', log, text(last) .. '-0', 'o', origin, 'c', content, 'm', own, 'v', '${recordVersion}')
  return text(last)
end
local function renew(node, session, lease)
  redis.call('HSET', nodes, node, session .. ' ' .. text(math.floor(now + lease)))
end
local function isCurrent(node, session)
  local value = redis.call('HGET', nodes, node)
  return value and string.sub(value, 1, #session + 1) == session .. ' '
end
local function reap()
  local all = redis.call('HGETALL', nodes)
  for i = 1, #all, 2 do
    if tonumber(string.match(all[i + 1], ' (%d+)$')) <= now then
      local node = all[i]
      redis.call('HDEL', nodes, node)
      for _, field in ipairs(redis.call('HKEYS', entries)) do
        if string.sub(field, 1, #node + 1) == node .. ' ' then redis.call('HDEL', entries, field) end
      end
      push('', '', '{"gone":"' .. node .. '"}')
    end
  end
  redis.call('HSET', meta, 'last', text(last))
end
`;

/**
 * ARGV: node, session, lease, head, heard, lost, seen, key. `SharedLog.join` explains the marks.
 *
 * If a server is killed, its append-only file can end with the beginning of a script. The next start ignores this
 * beginning and leaves it in the file, and the start after that runs it. The first join after each start therefore
 * keeps new records clear of the positions of that script. The first join after the next start deletes the records at
 * these positions.
 */
export const joinScript = `${prelude}
local node, session, lease = ARGV[1], ARGV[2], tonumber(ARGV[3])
local head, heard = tonumber(ARGV[4]), tonumber(ARGV[5])
-- A write that needs no memory comes first: the script then runs to its end when memory is short.
redis.call('HDEL', meta, '')
renew(node, session, lease)
redis.call('HSETNX', meta, 'key', ARGV[8])
local run = string.match(redis.call('INFO', 'server'), 'run_id:(%x+)') or ''
local known, from, through = unpack(redis.call('HMGET', meta, 'run', 'from', 'through'))
if known ~= run and from then
  for _, entry in ipairs(redis.call('XRANGE', log, text(tonumber(from) + 1) .. '-0', through .. '-0')) do
    redis.call('XDEL', log, entry[1])
  end
end
local knownLost, knownSeen = tonumber(ARGV[6]), tonumber(ARGV[7])
local lost, seen = math.max(mark('lost'), knownLost), math.max(mark('seen'), knownSeen)
local id = text(heard) .. '-0'
local knows = heard <= mark('deleted') or #redis.call('XRANGE', log, id, id) > 0
local missed = heard == seen and 0 or knownSeen == seen and knownLost or lost
local found = knownLost > mark('lost') and knownLost or 0
if not knows and heard > seen then
  found, seen, missed = heard, heard, 0
end
local before = last
if found > 0 then lost = math.max(lost, found, before + 1) end
last = math.max(lost, head > before and head + ${clearance} or before)
if known ~= run and (known or before > 0) then
  local newest = redis.call('XREVRANGE', log, '+', '-', 'COUNT', 1)[1]
  from = math.max(before, newest and tonumber(string.match(newest[1], '^%d+')) or 0)
  last = math.max(last, after(from + ${positionsOfScript}))
  redis.call('HSET', meta, 'from', text(from), 'through', text(last))
end
redis.call('HSET', meta, 'last', text(last), 'lost', text(lost), 'seen', text(seen), 'run', run)
local answer = { redis.call('HGET', meta, 'key'), text(now), text(missed), text(seen),
  redis.call('HMGET', meta, 'last', 'dropped', 'forgotten', 'lost'), redis.call('HGETALL', entries) }
reap()
return answer`;

/** ARGV: node, session, lease, head, and for each record: origin, id, repeats, content, own, number of changes, changes. */
export const appendScript = `${prelude}
local node, session, head = ARGV[1], ARGV[2], tonumber(ARGV[4])
if not isCurrent(node, session) then return redis.error_reply('FENCED another session of this node has begun') end
renew(node, session, tonumber(ARGV[3]))
local positions = {}
local i = 5
while i <= #ARGV do
  local origin, id, position, content, own, changes = unpack(ARGV, i, i + 5)
  if id == '' then position = '0'
  else
    local known, hash = string.match(redis.call('HGET', ids, id) or '', '^(%d+) (%x+)$')
    if known and tonumber(known) > head then
      position = hash == redis.sha1hex(content) and known or '0'
    end
  end
  if position == '0' then
    position = push(origin, content, own)
    if id ~= '' then redis.call('HSET', ids, id, position .. ' ' .. redis.sha1hex(content)) end
  end
  positions[#positions + 1] = position
  i = i + 6
  for _ = 1, tonumber(changes) do
    local field = node .. ' ' .. ARGV[i]
    if ARGV[i + 1] == '' then redis.call('HDEL', entries, field) else redis.call('HSET', entries, field, ARGV[i + 1]) end
    i = i + 2
  end
end
redis.call('HSET', meta, 'last', text(last))
return positions`;

/** ARGV: forgotten, and for each record: position, id, and 1 for a loss. */
export const releaseScript = `${prelude}
for i = 2, #ARGV, 3 do
  -- A deletion needs no memory, and what follows in the script is then allowed.
  if redis.call('XDEL', log, ARGV[i] .. '-0') == 1 then
    local position = tonumber(ARGV[i])
    raise('deleted', position)
    if ARGV[i + 2] == '1' then raise('dropped', position) end
    local id = ARGV[i + 1]
    if id ~= '' and string.match(redis.call('HGET', ids, id) or '', '^%d+') == ARGV[i] then redis.call('HDEL', ids, id) end
  end
end
raise('forgotten', tonumber(ARGV[1]))
return 1`;

/** ARGV: node, session, lease. */
export const renewScript = `${prelude}
if not isCurrent(ARGV[1], ARGV[2]) then return redis.error_reply('FENCED another session of this node has begun') end
redis.call('HDEL', meta, '')
renew(ARGV[1], ARGV[2], tonumber(ARGV[3]))
reap()
return 1`;
