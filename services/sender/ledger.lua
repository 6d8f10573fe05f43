#!lua name=sendwhen_sender_3
-- The effect ledger's atomic steps. KEYS[1] is the slot's prefix ("sw:{s07}:"); all keys made from it share its hash tag.
--   row:<send_id>  hash: s state, c campaign, u customer, h address hash, p 1 = at least once, x expires at, d due at,
--                  r reason, b intent (bytes), a attempts, o doubts, n claim number, w worker, q 1 = in the address's queue,
--                  t submitted at, g changed at, e next at, m provider's id, v provider, z detail, f first byte (us),
--                  k 1 = counted as possible duplicate, y 1 = its customer was deleted
--   due            zset send_id -> when something is to be done with it (ms)
--   q:<address>    list of send_ids that keep their place, in order; only the first may be claimed
--   cus:<uid>      zset send_id -> entry that created the customer, of a customer's open emails
--   hld:<campaign> zset send_id -> when it was taken in, of those that are held
--   sup            hash address hash -> reason
--   hw             hash partition -> JSON [[lineage, ordinal], ...], latest last, at most 16
--   cnt            hash "<state>|<campaign>" -> emails; "!open", "!duplicates"

-- Filled in from services/sender/ledger.py when the library is loaded, so that there is one table.
local NEXT = {--[[NEXT]]}
local TERMINAL = {--[[TERMINAL]]}
local HOLDS_PLACE = {--[[HOLDS_PLACE]]}
local FINAL_NO = {--[[FINAL_NO]]}
local MAY_HAVE_GONE = {--[[MAY_HAVE_GONE]]}
local S = {--[[STATES]]}
local G = {--[[SIGNALS]]}
local DOUBTS_MAX = --[[DOUBTS_MAX]]0
local LINEAGES_MAX = 16
local FIELDS = {'s', 'c', 'h', 'p', 'x', 'a', 'o', 'n', 'w', 'q', 't', 'k', 'u', 'y'}

local function next_state(state, signal, open_doubts)
  if open_doubts > 0 and FINAL_NO[signal] then signal = G.GIVE_UP end
  return NEXT[state * 100 + signal] or state
end

local function load(p, id)
  local key = p .. 'row:' .. id
  local v = redis.call('HMGET', key, unpack(FIELDS))
  if not v[1] then return nil end
  return {key = key, id = id, s = tonumber(v[1]), c = v[2], h = v[3], p = v[4], x = tonumber(v[5] or 0), a = tonumber(v[6]),
          o = tonumber(v[7]), n = tonumber(v[8]), w = v[9], q = v[10], t = v[11], k = v[12], u = v[13], y = v[14]}
end

local function open_doubts(row)
  if row.s == S.IN_DOUBT then return row.o - 1 end
  return row.o
end

-- Leaves the queue of its address; where it was first, the one behind it becomes due. Returns that one's id, or nil.
local function leave_queue(p, row, now)
  local queue = p .. 'q:' .. row.h
  local first = redis.call('LRANGE', queue, 0, 1)
  redis.call('HSET', row.key, 'q', 0)
  row.q = '0'
  if first[1] ~= row.id then
    redis.call('LREM', queue, 1, row.id)
    return nil
  end
  redis.call('LPOP', queue)
  local head = first[2]
  if not head then return nil end
  redis.call('ZADD', p .. 'due', now, head)
  return head
end

-- Moves a row and keeps counts, due index, queue and content in step with it. Returns the id that became first, or nil.
local function move(p, row, to, now, next_at, keep_s)
  if row.s ~= to then
    redis.call('HINCRBY', p .. 'cnt', row.s .. '|' .. row.c, -1)
    redis.call('HINCRBY', p .. 'cnt', to .. '|' .. row.c, 1)
  end
  redis.call('HSET', row.key, 's', to, 'g', now, 'e', next_at)
  local head = nil
  if row.q == '1' and not HOLDS_PLACE[to] then head = leave_queue(p, row, now) end
  if TERMINAL[to] then
    if not TERMINAL[row.s] then redis.call('HINCRBY', p .. 'cnt', '!open', -1) end
    if row.u then redis.call('ZREM', p .. 'cus:' .. row.u, row.id) end
    redis.call('HDEL', row.key, 'b', 'h', 'w', 'x', 'q', 'y')
    redis.call('EXPIRE', row.key, keep_s)
    redis.call('ZREM', p .. 'due', row.id)
  else
    redis.call('ZADD', p .. 'due', next_at, row.id)
  end
  row.s = to
  return head
end

local function claim(p, row, worker, now, lease)
  row.n = row.n + 1
  redis.call('HSET', row.key, 'n', row.n, 'w', worker)
  move(p, row, next_state(row.s, G.CLAIM, 0), now, now + lease, 0)
  return {row.id, row.n, row.a, row.o, row.t, redis.call('HGET', row.key, 'b')}
end

local function claim_head(p, head, worker, now, lease)
  if not head or lease == 0 then return false end
  local row = load(p, head)
  if not row or row.s ~= S.PENDING then return false end
  return claim(p, row, worker, now, lease)
end

-- True where the ordinal is new in its lineage; remembers it.
local function raise_mark(marks, lineage, ordinal)
  for i, mark in ipairs(marks) do
    if mark[1] == lineage then
      if ordinal <= mark[2] then return false end
      table.remove(marks, i)
      break
    end
  end
  table.insert(marks, {lineage, ordinal})
  if #marks > LINEAGES_MAX then table.remove(marks, 1) end
  return true
end

-- What a row known already is answered as: claimed, where this very submission made it and is asked again; or 0.
local function asked_again(key, worker)
  local v = redis.call('HMGET', key, 's', 'n', 'w')
  local state = tonumber(v[1])
  if v[3] == worker and v[2] == '1' and (state == S.CLAIMED or state == S.ATTEMPTED) then return 3 end
  return 0
end

-- worker, now, lease, open_max, partition, attempt lease, look_at_expiry, then for each row: want (0 nothing, 1 a claim,
-- 2 an attempt, 3 to be held), lineage, ordinal, send_id, campaign, customer, address, policy, expires, due, reason,
-- intent, entry that created the customer. Answers for each row 0 known, 1 pending, 2 behind another, 3 claimed, 4 attempted, 5 held; or -1 alone where too
-- many are open.
local function submit(keys, argv)
  local p, worker, now, lease = keys[1], argv[1], tonumber(argv[2]), tonumber(argv[3])
  if tonumber(redis.call('HGET', p .. 'cnt', '!open') or 0) >= tonumber(argv[4]) then return {-1} end
  local marks = cjson.decode(redis.call('HGET', p .. 'hw', argv[5]) or '[]')
  local codes, seen = {}, {}
  for i = 8, #argv, 13 do
    local id, campaign, address = argv[i + 3], argv[i + 4], argv[i + 6]
    local key = p .. 'row:' .. id
    local code = 0
    if raise_mark(marks, argv[i + 1], tonumber(argv[i + 2])) and redis.call('EXISTS', key) == 0 then
      local queued, state, next_at, number, holder, attempts = 1, S.PENDING, now, 0, '', 0
      if argv[i] == '3' then
        code, queued, state, next_at = 5, 0, S.HELD, 0
        redis.call('ZADD', p .. 'hld:' .. campaign, now, id)
      else
        local length = redis.call('RPUSH', p .. 'q:' .. address, id)
        code = 1
        if length > 1 then code = 2 elseif argv[i] ~= '0' then code = 3 end
      end
      if code == 3 then
        state, next_at, number, holder = next_state(state, G.CLAIM, 0), now + lease, 1, worker
        local expires = tonumber(argv[i + 8])
        local over = argv[7] == '1' and expires > 0 and now >= expires
        -- The last look: what it forbids is left to the way by a claim, which looks again and says so.
        if argv[i] == '2' and not over and redis.call('HEXISTS', p .. 'sup', address) == 0 then
          code, attempts = 4, 1
          state, next_at = next_state(state, G.ATTEMPT, 0), now + tonumber(argv[6])
        end
      end
      redis.call('HSET', key, 's', state, 'c', campaign, 'u', argv[i + 5], 'h', address, 'p', argv[i + 7],
        'x', argv[i + 8], 'd', argv[i + 9], 'r', argv[i + 10], 'b', argv[i + 11], 'a', attempts, 'o', 0, 'n', number,
        'w', holder, 'q', queued, 't', now, 'g', now, 'e', next_at)
      if code ~= 2 and code ~= 5 then redis.call('ZADD', p .. 'due', next_at, id) end
      redis.call('ZADD', p .. 'cus:' .. argv[i + 5], argv[i + 12], id)
      redis.call('HINCRBY', p .. 'cnt', state .. '|' .. campaign, 1)
      redis.call('HINCRBY', p .. 'cnt', '!open', 1)
    elseif argv[i] == '2' and not seen[id] then
      -- Not where it stands twice in one submission: the first of the two has been answered.
      code = asked_again(key, worker)
    end
    seen[id] = true
    codes[#codes + 1] = code
  end
  redis.call('HSET', p .. 'hw', argv[5], cjson.encode(marks))
  return codes
end

-- worker, emails_max, now, lease, evidence_wait, keep_s. Answers {claims, doubted, gave up, 1 where there may be more}.
local function claim_due(keys, argv)
  local p, worker, most, now, lease = keys[1], argv[1], tonumber(argv[2]), tonumber(argv[3]), tonumber(argv[4])
  local ids = redis.call('ZRANGE', p .. 'due', '-inf', now, 'BYSCORE', 'LIMIT', 0, most)
  local claims, doubted, gave_up, more = {}, 0, 0, 0
  if #ids == most then more = 1 end
  for _, id in ipairs(ids) do
    local row = load(p, id)
    if row and row.s == S.CLAIMED then move(p, row, next_state(row.s, G.LEASE_OVER, 0), now, now, 0) end
    if not row then
      redis.call('ZREM', p .. 'due', id)
    elseif row.s == S.ATTEMPTED then
      redis.call('HINCRBY', row.key, 'o', 1)
      redis.call('HSET', row.key, 'z', 'The process ended or hung during the attempt.')
      if move(p, row, next_state(row.s, G.LEASE_OVER, 0), now, now + tonumber(argv[5]), 0) then more = 1 end
      doubted = doubted + 1
    elseif row.s == S.IN_DOUBT and not (row.p == '1' and row.o <= DOUBTS_MAX) then
      move(p, row, next_state(row.s, G.GIVE_UP, 0), now, 0, tonumber(argv[6]))
      gave_up = gave_up + 1
    elseif row.q == '1' and redis.call('LINDEX', p .. 'q:' .. row.h, 0) ~= id then
      redis.call('ZREM', p .. 'due', id)
    else
      claims[#claims + 1] = claim(p, row, worker, now, lease)
    end
  end
  return {claims, doubted, gave_up, more}
end

-- send_id, worker, claim, now, lease, following_lease, look_at_expiry, keep_s.
-- Answers {granted, state, attempt, possible duplicate, following claim or false}.
local function begin(keys, argv)
  local p, worker, now = keys[1], argv[2], tonumber(argv[4])
  local row = load(p, argv[1])
  if not row then return {0, S.EXPIRED, 0, 0, false} end
  local again = row.s == S.ATTEMPTED
  if row.n ~= tonumber(argv[3]) or row.w ~= worker or not (again or row.s == S.CLAIMED) then
    return {0, row.s, row.a, 0, false}
  end
  local signal = G.ATTEMPT
  if redis.call('HEXISTS', p .. 'sup', row.h) == 1 then
    signal = G.SUPPRESS
  elseif argv[7] == '1' and row.x > 0 and now >= row.x and not again then
    signal = G.EXPIRE
  end
  if row.y then signal = G.FORGET end
  if signal ~= G.ATTEMPT then
    local head = move(p, row, next_state(row.s, signal, row.o), now, 0, tonumber(argv[8]))
    return {0, row.s, row.a, 0, claim_head(p, head, worker, now, tonumber(argv[6]))}
  end
  local duplicate = 0
  if row.o > 0 then duplicate = 1 end
  if again then return {1, row.s, row.a, duplicate, false} end
  if duplicate == 1 and not row.k then
    redis.call('HINCRBY', p .. 'cnt', '!duplicates', 1)
    redis.call('HSET', row.key, 'k', 1)
  end
  redis.call('HINCRBY', row.key, 'a', 1)
  move(p, row, next_state(row.s, G.ATTEMPT, row.o), now, now + tonumber(argv[5]), 0)
  return {1, row.s, row.a + 1, duplicate, false}
end

-- send_id, worker, claim, attempt, signal, now, next_at, following_lease, keep_s, detail, provider, provider's id, first byte.
-- Answers {state, applied, following claim or false}.
local function settle(keys, argv)
  local p, worker, attempt, signal, now = keys[1], argv[2], tonumber(argv[4]), tonumber(argv[5]), tonumber(argv[6])
  local row = load(p, argv[1])
  if not row then return {S.EXPIRED, 0, false} end
  local ours = row.n == tonumber(argv[3]) and row.w == worker
  if ours and attempt == 0 and row.s ~= S.CLAIMED then return {row.s, 0, false} end
  if ours and attempt > 0 and not (row.a == attempt and (row.s == S.ATTEMPTED or row.s == S.IN_DOUBT)) then
    return {row.s, 0, false}
  end
  if not ours then
    if signal ~= G.ACCEPT then return {row.s, 0, false} end
    signal = G.EVIDENCE
  end
  local next_at = tonumber(argv[7])
  -- What it said is gone: there is nothing to try again.
  if row.y and signal == G.NOT_PROCESSED then signal, next_at = G.FORGET, 0 end
  local to = next_state(row.s, signal, open_doubts(row))
  if to == row.s then return {row.s, 0, false} end
  if to == S.IN_DOUBT then
    redis.call('HINCRBY', row.key, 'o', 1)
  elseif row.s == S.IN_DOUBT or (signal == G.EVIDENCE and row.o > 0) then
    redis.call('HINCRBY', row.key, 'o', -1)
  end
  redis.call('HSET', row.key, 'z', argv[10])
  if argv[11] ~= '' then redis.call('HSET', row.key, 'v', argv[11]) end
  if argv[12] ~= '' then redis.call('HSET', row.key, 'm', argv[12]) end
  if argv[13] ~= '0' then redis.call('HSETNX', row.key, 'f', argv[13]) end
  local head = move(p, row, to, now, next_at, tonumber(argv[9]))
  return {to, 1, claim_head(p, head, worker, now, tonumber(argv[8]))}
end

-- now, keep_s, then for each customer: uid, entry that created the customer. What was not attempted is cancelled; of what
-- may have gone out, what it says is dropped. Answers how many ended.
local function forget(keys, argv)
  local p, now, ended = keys[1], tonumber(argv[1]), 0
  for i = 3, #argv, 2 do
    local index = p .. 'cus:' .. argv[i]
    for _, id in ipairs(redis.call('ZRANGE', index, '-inf', argv[i + 1], 'BYSCORE')) do
      local row = load(p, id)
      redis.call('ZREM', index, id)
      if row then
        redis.call('HSET', row.key, 'z', '--[[DELETED]]')
        redis.call('HDEL', row.key, 'u', 'r', 'b')
        if MAY_HAVE_GONE[row.s] then
          redis.call('HSET', row.key, 'y', 1, 'p', 0)
        else
          if row.s == S.HELD then redis.call('ZREM', p .. 'hld:' .. row.c, id) end
          move(p, row, next_state(row.s, G.FORGET, row.o), now, 0, tonumber(argv[2]))
          ended = ended + 1
        end
      end
    end
  end
  return ended
end

-- KEYS[1]: a campaign's day. volume, seconds to keep the count, send_ids. Answers whether it is exceeded for the first time
-- (1), then
-- for each id whether it is held (1).
local function reserve(keys, argv)
  local key, most = keys[1], tonumber(argv[1])
  local granted, lifted = tonumber(redis.call('HGET', key, 'n') or 0), redis.call('HGET', key, 'l')
  local answer, is_held = {0}, false
  for i = 3, #argv do
    local held = 0
    if not lifted and redis.call('HEXISTS', key, 'i' .. argv[i]) == 0 then
      if granted < most then
        granted = granted + 1
        redis.call('HSET', key, 'i' .. argv[i], 1)
      else
        held, is_held = 1, true
      end
    end
    answer[#answer + 1] = held
  end
  if is_held and redis.call('HSETNX', key, 'f', 1) == 1 then answer[1] = 1 end
  redis.call('HSET', key, 'n', granted)
  redis.call('EXPIRE', key, tonumber(argv[2]))
  return answer
end

-- campaign, at most. Answers {send_id, expires, due, intent} of those that are held, in order.
local function held(keys, argv)
  local p, found = keys[1], {}
  for _, id in ipairs(redis.call('ZRANGE', p .. 'hld:' .. argv[1], 0, tonumber(argv[2]) - 1)) do
    local v = redis.call('HMGET', p .. 'row:' .. id, 'x', 'd', 'b')
    found[#found + 1] = {id, tonumber(v[1] or 0), tonumber(v[2] or 0), v[3] or ''}
  end
  return found
end

-- signal (release or discard), campaign, now, keep_s, then for each email: send_id, expires, intent. Answers how many moved.
local function release(keys, argv)
  local p, signal, now, moved = keys[1], tonumber(argv[1]), tonumber(argv[3]), 0
  for i = 5, #argv, 3 do
    redis.call('ZREM', p .. 'hld:' .. argv[2], argv[i])
    local row = load(p, argv[i])
    if row and row.s == S.HELD then
      moved = moved + 1
      if signal == G.RELEASE then
        redis.call('RPUSH', p .. 'q:' .. row.h, row.id)
        redis.call('HSET', row.key, 'x', argv[i + 1], 'b', argv[i + 2], 't', now, 'q', 1)
        row.q = '1'
      end
      move(p, row, next_state(row.s, signal, 0), now, now, tonumber(argv[4]))
    end
  end
  return moved
end

-- send_ids. Answers rows as flat lists, unknown ones left out.
local function emails(keys, argv)
  local found = {}
  for _, id in ipairs(argv) do
    local v = redis.call('HMGET', keys[1] .. 'row:' .. id, 's', 'c', 'u', 'a', 'o', 'm', 'v', 'z', 'g', 'e', 'd', 'f', 'r')
    if v[1] then
      v[#v + 1] = id
      for i = 1, 14 do v[i] = v[i] or '' end
      found[#found + 1] = v
    end
  end
  return found
end

redis.register_function('sw_sender3_submit', submit)
redis.register_function('sw_sender3_reserve', reserve)
redis.register_function{function_name='sw_sender3_held', callback=held, flags={'no-writes'}}
redis.register_function('sw_sender3_release', release)
redis.register_function('sw_sender3_forget', forget)
redis.register_function('sw_sender3_claim_due', claim_due)
redis.register_function('sw_sender3_begin', begin)
redis.register_function('sw_sender3_settle', settle)
redis.register_function{function_name='sw_sender3_emails', callback=emails, flags={'no-writes'}}
