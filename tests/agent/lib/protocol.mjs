// The parts of the panel protocol that hold for every message, as one checker.

/** Actions that are accepted first and end with a command_completed event; what acceptance says. */
export const acceptance = {
  create_server: 'creating',
  start_server: 'starting',
  stop_server: 'stopping',
  restart_server: 'restarting',
  kill_server: 'stopping',
  delete_server: 'deleting',
  update_server: 'updating',
  pull_image: 'pulling',
  create_backup: 'backing_up', restore_backup: 'restoring',
};

const kCodes = new Set(`PARSE_ERROR MESSAGE_TOO_LARGE INVALID_COMMAND UNKNOWN_ACTION WRONG_AGENT INVALID_PAYLOAD
  POLICY_VIOLATION SERVER_NOT_FOUND SERVER_EXISTS CONTAINER_NOT_FOUND INVALID_STATE IMAGE_NOT_FOUND
  IMAGE_PULL_FAILED PORT_CONFLICT INSUFFICIENT_RESOURCES PERMISSION_DENIED TIMEOUT RUNTIME_UNAVAILABLE
  DOCKER_ERROR FILE_NOT_FOUND PATH_FORBIDDEN FILE_TOO_LARGE NOT_A_DIRECTORY IS_A_DIRECTORY FILE_EXISTS
  DISK_FULL RATE_LIMITED BUSY ID_CONFLICT OUTCOME_UNKNOWN INTERNAL_ERROR`.split(/\s+/));
const kStates = new Set(`creating created pulling starting running stopping stopped restarting crashed failed
  deleting deleted unknown`.split(/\s+/));
const kFailures = new Set('create_failed start_failed stop_failed delete_failed update_failed'.split(' '));
const kReasons = new Set(`stopped_gracefully killed_after_timeout killed crashed oom_killed exited start_failed
  requested ready adopted engine_lost removed port_conflict image_missing restored`.split(/\s+/));
const kEvents = new Set(`server_status_changed server_status server_log server_log_gap resource_update image_pull_progress
  command_completed archive_progress backup_progress disk_limit_exceeded`.split(/\s+/));
const kTypes = new Set(`response event error pong heartbeat system_info server_status server_output
  file_content`.split(/\s+/));
const kTimestamp = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;

const short = (value) => JSON.stringify(value).slice(0, 300);

function checkResponse(m, actions, bad) {
  if (typeof m.success !== 'boolean') bad('response without success', m);
  if (m.success === true) {
    if ('error' in m) bad('successful response with an error', m);
    if (m.data === undefined) bad('successful response without data', m);
    const action = actions.get(m.id);
    if (action !== undefined && m.message !== `${action} command received`) bad(`message of ${action}`, m);
    if (acceptance[action] && m.data?.status !== acceptance[action]) bad(`acceptance status of ${action}`, m);
  } else {
    if ('data' in m && m.error?.code !== 'OUTCOME_UNKNOWN') bad('failed response with data', m);
    if (!kCodes.has(m.error?.code)) bad('failed response without a known code', m);
    if (!m.error?.message) bad('failed response without a message', m);
    if (m.error?.code === 'INTERNAL_ERROR') bad('a defect of the agent', m);
  }
}

function checkStatusChange(m, bad) {
  const { serverId, previousStatus, currentStatus, status, reason, error, code } = m.data;
  if (typeof serverId !== 'string') bad('status change without serverId', m);
  if (!kStates.has(previousStatus) || !kStates.has(currentStatus)) bad('unknown state', m);
  if (kFailures.has(status)) {
    if (typeof error !== 'string' || !error) bad('failure without error text', m);
    if (!kCodes.has(code)) bad('failure without a known code', m);
  } else if (status !== currentStatus) {
    bad('status differs from currentStatus', m);
  }
  if (reason !== undefined && !kReasons.has(reason)) bad('unknown reason', m);
}

function checkEvent(m, bad) {
  if (!kEvents.has(m.event)) bad('unknown event', m);
  if (!Number.isInteger(m.seq)) return bad('event without seq', m);
  if (typeof m.data !== 'object' || m.data === null) return bad('event without data', m);
  if (m.event === 'server_status_changed') checkStatusChange(m, bad);
  if (m.event === 'command_completed') {
    for (const key of ['commandId', 'action', 'success', 'durationMs']) {
      if (m.data[key] === undefined) bad(`command_completed without ${key}`, m);
    }
    if (m.data.success === false && !kCodes.has(m.data.error?.code)) bad('failed command without a known code', m);
    if (m.data.success === true && 'error' in m.data) bad('successful command with an error', m);
  }
  if (m.event === 'server_status' && !kStates.has(m.data.status)) bad('unknown state', m);
}

function checkOne(m, actions, bad) {
  if (typeof m !== 'object' || m === null || Array.isArray(m)) return bad('message is not an object', m);
  if (!kTypes.has(m.type)) bad('unknown type', m);
  if (!kTimestamp.test(m.timestamp)) bad('timestamp is not UTC ISO 8601 with milliseconds', m);
  if (m.type === 'response') checkResponse(m, actions, bad);
  if (m.type === 'event') checkEvent(m, bad);
  if (m.type === 'error' && !(kCodes.has(m.data?.code) && m.data?.message)) bad('error without code, message', m);
}

/** Gapless numbering of the events of one agent run. A lost connection may lose messages: `lossy`. */
function checkSequence(events, lossy, bad) {
  const seen = new Set();
  for (const m of events) {
    if (seen.has(m.seq)) bad('seq used twice', m);
    seen.add(m.seq);
  }
  const sorted = [...seen].sort((a, b) => a - b);
  for (let i = 1; !lossy && i < sorted.length; i++) {
    if (sorted[i] !== sorted[i - 1] + 1) bad(`seq jumps from ${sorted[i - 1]} to ${sorted[i]}`, null);
  }
}

/** Every change of a server starts from the state that the change before it ended in. */
function checkChains(events, lossy, bad) {
  const states = new Map();
  const changes = events.filter((m) => m.event === 'server_status_changed').sort((a, b) => a.seq - b.seq);
  for (const m of changes) {
    const before = states.get(m.data.serverId);
    if (!lossy && before !== undefined && before !== m.data.previousStatus) bad(`previousStatus, was ${before}`, m);
    // What is created again under an old name begins anew.
    if (m.data.currentStatus === 'deleted') states.delete(m.data.serverId);
    else states.set(m.data.serverId, m.data.currentStatus);
  }
}

/** Exactly one response a command; exactly one command_completed for each accepted long one. */
function checkAnswers(messages, commands, lossy, bad) {
  const count = (list) => list.reduce((map, id) => map.set(id, (map.get(id) ?? 0) + 1), new Map());
  // What could not be parsed may be answered by an id that was readable; nobody sent it as a command.
  const unparsed = (m) => m.error?.code === 'PARSE_ERROR' && !commands.has(m.id);
  const responses = messages.filter((m) => m.type === 'response' && m.id !== null && !unparsed(m));
  const answered = count(responses.map((m) => m.id));
  const completions = messages.filter((m) => m.type === 'event' && m.event === 'command_completed');
  const completed = count(completions.map((m) => m.data.commandId));
  const accepted = new Set(responses.filter((m) => m.success && acceptance[commands.get(m.id)?.action]).map((m) => m.id));
  for (const [id, { times, action }] of commands) {
    if (lossy && (answered.get(id) ?? 0) <= times) continue;
    if ((answered.get(id) ?? 0) !== times) bad(`${answered.get(id) ?? 0} responses to ${times} x ${action} ${id}`, null);
  }
  for (const id of answered.keys()) if (!commands.has(id)) bad(`response to nothing: ${id}`, null);
  for (const id of accepted) {
    const n = completed.get(id) ?? 0;
    // An id that is sent again to a later run of the agent is told its end once more.
    const most = lossy ? commands.get(id).times : 1;
    if (n > most || (n === 0 && !lossy)) bad(`${n} command_completed for ${commands.get(id).action} ${id}`, null);
  }
  for (const id of completed.keys()) {
    if (!accepted.has(id) && !lossy) bad(`command_completed for what was not accepted: ${id}`, null);
  }
}

/**
 * What is wrong with everything an agent said, as a list of sentences.
 * `runs`: messages of each agent run; `commands`: id to {times, action}; `lossy`: connections were cut.
 */
export function violations({ runs, commands, lossy = false }) {
  const found = [];
  const bad = (what, message) => found.push(message === null ? what : `${what}: ${short(message)}`);
  const actions = new Map([...commands].map(([id, command]) => [id, command.action]));
  for (const messages of runs) {
    for (const m of messages) checkOne(m, actions, bad);
    const events = messages.filter((m) => m?.type === 'event' && Number.isInteger(m.seq) && m.data);
    checkSequence(events, lossy, bad);
    checkChains(events, lossy, bad);
  }
  checkAnswers(runs.flat(), commands, lossy || runs.length > 1, bad);
  return found;
}
