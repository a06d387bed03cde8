// Something that behaves enough like the agent to test these tests: AGENT_BINARY=.../fake_agent.mjs.
// FAKE_FAULT names one promise that it breaks.

import http from 'node:http';
import { randomUUID } from 'node:crypto';
import WebSocket from 'ws';
import { acceptance } from './protocol.mjs';

const { PANEL_URL, NODE_ID, AGENT_SECRET, FAKE_FAULT } = process.env;
const servers = new Map();
const bootId = randomUUID();
let seq = 0;
let socket;

const now = () => new Date().toISOString();
const tell = (message) => socket.send(JSON.stringify({ ...message, timestamp: now() }));
const event = (name, data) => {
  seq += FAKE_FAULT === 'gap' && name === 'command_completed' ? 2 : 1;
  tell({ type: 'event', event: name, seq, data });
};

function change(serverId, currentStatus, more) {
  const previousStatus = FAKE_FAULT === 'chain' ? 'unknown' : servers.get(serverId) ?? 'creating';
  servers.set(serverId, currentStatus);
  event('server_status_changed', { serverId, previousStatus, currentStatus, status: currentStatus, ...more });
  tell({ type: 'server_status', data: { serverId, status: currentStatus } });
}

function respond(id, action, data) {
  const response = { id, type: 'response', success: true, message: `${action} command received`, data };
  if (FAKE_FAULT === 'message') response.message = 'ok';
  if (FAKE_FAULT === 'silent') return;
  tell(response);
  if (FAKE_FAULT === 'twice') tell(response);
}

const refuse = (id, code, message = code) => tell({ id, type: 'response', success: false, error: { code, message } });

const kResult = { create_server: 'created', start_server: 'running', restart_server: 'running', stop_server: 'stopped',
  kill_server: 'stopped', delete_server: 'deleted' };

function onCommand({ id, action, serverId }) {
  if (action === 'list_servers') {
    return respond(id, action, { servers: [...servers].map(([key, status]) => ({ serverId: key, status })) });
  }
  if (action === 'get_status' && servers.has(serverId)) {
    return respond(id, action, { serverId, status: servers.get(serverId), secret: FAKE_FAULT === 'secret' ? AGENT_SECRET : 0 });
  }
  if (!kResult[action] && action !== 'get_status') return refuse(id, 'UNKNOWN_ACTION', `Unknown action: ${action}`);
  if (action !== 'create_server' && !servers.has(serverId)) return refuse(id, 'SERVER_NOT_FOUND');
  respond(id, action, { serverId, status: acceptance[action] });
  change(serverId, kResult[action], { commandId: id });
  if (FAKE_FAULT === 'endless') return;
  event('command_completed', { commandId: id, action, serverId, success: true, durationMs: 1 });
}

function connect() {
  socket = new WebSocket(`${PANEL_URL}?nodeId=${NODE_ID}`, {
    headers: { Authorization: `Bearer ${AGENT_SECRET}`, 'X-Node-Id': NODE_ID },
  });
  socket.on('open', () => tell({ type: 'system_info', data: { nodeId: NODE_ID, bootId } }));
  socket.on('message', (data) => onCommand(JSON.parse(data)));
  socket.on('error', () => {});
  socket.on('close', () => setTimeout(connect, 100));
}

const health = http.createServer((request, response) => response.end('{}'));
health.listen(0, '127.0.0.1', () => console.log(`health on 127.0.0.1:${health.address().port}`));
process.on('SIGTERM', () => process.exit(0));
connect();
