// A panel on the `ws` package: takes agents, remembers everything, and speaks when told to.

import assert from 'node:assert/strict';
import http from 'node:http';
import https from 'node:https';
import { WebSocketServer } from 'ws';
import { acceptance, violations } from './protocol.mjs';
import { slowness } from './wait.mjs';

let lastId = 0;
const nextId = () => `cmd_${process.pid}_${++lastId}`;
const isEvent = (m, name) => m.type === 'event' && (name === undefined || m.event === name);

/** A command that was sent, and what came back for it. */
class Command {
  constructor(link, message) {
    this.link = link;
    this.message = message;
    this.id = message.id;
    this.sentAt = Date.now();
  }

  response(ms = 5_000) {
    return this.link.waitFor((m) => m.type === 'response' && m.id === this.id, `response to ${this.what()}`, ms);
  }

  /** Its successful response. */
  async result(ms) {
    const response = await this.response(ms);
    assert.equal(response.success, true, `${this.what()} failed: ${JSON.stringify(response)}`);
    assert.equal(response.message, `${this.message.action} command received`);
    return response.data;
  }

  /** Its refusal, which must carry `code`. */
  async refused(code, ms) {
    const response = await this.response(ms);
    assert.equal(response.success, false, `${this.what()} was not refused: ${JSON.stringify(response)}`);
    assert.equal(response.error.code, code, `${this.what()}: ${JSON.stringify(response)}`);
    return response.error.message;
  }

  /** Its acceptance, as the document wants it. */
  async accepted() {
    const data = await this.result();
    assert.equal(data.status, acceptance[this.message.action]);
    if (this.message.serverId !== undefined) assert.equal(data.serverId, this.message.serverId);
    return data;
  }

  /** The data of its command_completed, whichever way it went. */
  async ended(ms = 15_000) {
    await this.accepted();
    const event = await this.link.waitFor(
      (m) => isEvent(m, 'command_completed') && m.data.commandId === this.id, `end of ${this.what()}`, ms);
    assert.equal(event.data.action, this.message.action);
    if (this.message.serverId !== undefined) assert.equal(event.data.serverId, this.message.serverId);
    return event.data;
  }

  async done(ms) {
    const data = await this.ended(ms);
    assert.equal(data.success, true, `${this.what()} failed: ${JSON.stringify(data)}`);
    return data;
  }

  async failed(code, ms) {
    const data = await this.ended(ms);
    assert.equal(data.success, false, `${this.what()} did not fail: ${JSON.stringify(data)}`);
    assert.equal(data.error.code, code, JSON.stringify(data));
    return data;
  }

  /** The status changes it caused so far. */
  changes() {
    return this.link.messages().filter((m) => isEvent(m, 'server_status_changed') && m.data.commandId === this.id)
      .map((m) => m.data);
  }

  what() {
    return `${this.message.action} ${this.message.serverId ?? ''} (${this.id})`;
  }
}

/** One agent as the panel sees it: across reconnects, and across runs of the agent. */
export class Link {
  constructor(nodeId) {
    this.nodeId = nodeId;
    this.records = [];
    this.commands = new Map();
    this.waiters = new Set();
    this.socket = null;
    this.connections = 0;
    this.pings = 0;
    this.pongs = [];
    this.closes = [];
    this.lossy = false;
  }

  /** Everything received, oldest first; from record `mark` on. */
  messages(mark = 0) {
    return this.records.slice(mark).filter((r) => r.direction === '<').map((r) => r.message);
  }

  mark() {
    return this.records.length;
  }

  send(message) {
    if (message?.type === 'command' && typeof message.id === 'string') {
      const known = this.commands.get(message.id);
      this.commands.set(message.id, { times: (known?.times ?? 0) + 1, action: known?.action ?? message.action });
    }
    this.sendText(JSON.stringify(message));
    return new Command(this, message);
  }

  sendText(text) {
    assert.ok(this.socket, `${this.nodeId} is not connected`);
    this.record('>', text);
    this.socket.send(text);
  }

  /** Bytes straight onto the connection, past the WebSocket library. */
  sendBytes(buffer) {
    this.record('>', `<${buffer.length} raw bytes>`);
    this.socket._socket.write(buffer);
  }

  command(action, serverId, payload, extra = {}) {
    return this.send({
      id: nextId(), type: 'command', timestamp: new Date().toISOString(), agentId: this.nodeId, action,
      ...(serverId === undefined ? {} : { serverId }), ...(payload === undefined ? {} : { payload }), ...extra,
    });
  }

  /** A command whose response is counted although the text is made by hand. */
  expectResponse(id, action = 'unknown') {
    const known = this.commands.get(id);
    this.commands.set(id, { times: (known?.times ?? 0) + 1, action });
  }

  async status(serverId) {
    return this.command('get_status', serverId).result();
  }

  event(name, predicate, ms, mark = 0) {
    return this.waitFor((m) => isEvent(m, name) && predicate(m.data), `event ${name}`, ms, mark).then((m) => m.data);
  }

  changes(serverId, mark = 0) {
    return this.messages(mark)
      .filter((m) => isEvent(m, 'server_status_changed') && m.data.serverId === serverId).map((m) => m.data);
  }

  /** An error about a message that may or may not have had an id. */
  refusal(code, mark, ms = 5_000) {
    const matches = (m) => (m.type === 'response' && m.success === false && m.error?.code === code) ||
      (m.type === 'error' && m.data?.code === code);
    return this.waitFor(matches, `refusal ${code}`, ms, mark);
  }

  /** The first message from `mark` on that `predicate` likes, past or to come. */
  waitFor(predicate, what, ms = 10_000, mark = 0) {
    const found = this.messages(mark).find((m) => predicate(m));
    if (found !== undefined) return Promise.resolve(found);
    const stack = new Error('waited here');
    return new Promise((resolve, reject) => {
      const waiter = {
        offer: (message) => {
          if (!predicate(message)) return;
          this.waiters.delete(waiter);
          clearTimeout(timer);
          resolve(message);
        },
      };
      const timer = setTimeout(() => {
        this.waiters.delete(waiter);
        reject(new Error(`no ${what} within ${ms * slowness} ms\n${this.tail()}`, { cause: stack }));
      }, ms * slowness);
      this.waiters.add(waiter);
    });
  }

  /** The last of the conversation, for failures; of a server's alone, without its output, by its id. */
  tail(lines = 40, serverId = '') {
    const about = ({ text }) => !serverId || (text.includes(serverId) && !/"server_(log|output)"/.test(text));
    const shown = this.records.filter(about).slice(-lines)
      .map((r) => `  ${r.at} ${r.direction} ${r.text.slice(0, 400)}`);
    return `conversation with ${this.nodeId}, ${this.records.length} messages, ` +
      `${this.connections} connections:\n${shown.join('\n')}`;
  }

  record(direction, text) {
    let message;
    if (direction === '<') {
      try {
        message = JSON.parse(text);
      } catch {
        message = { type: 'not JSON', text };
      }
    }
    this.records.push({ at: new Date().toISOString().slice(17, 23), direction, text, message });
    if (message !== undefined) for (const waiter of [...this.waiters]) waiter.offer(message);
  }

  attach(socket) {
    this.socket = socket;
    this.connections += 1;
    socket.on('message', (data, binary) => this.record('<', binary ? '<binary>' : data.toString('utf8')));
    socket.on('ping', () => { this.pings += 1; });
    socket.on('pong', (data) => { this.pongs.push(data.toString('utf8')); });
    socket.on('error', () => {});
    socket.on('close', (code) => {
      this.closes.push(code);
      if (this.socket === socket) this.socket = null;
    });
  }

  /** Messages of each agent run: a new run says so by its bootId in system_info. */
  runs() {
    const runs = [];
    let boot;
    for (const m of this.messages()) {
      if (m.type === 'system_info' && m.data?.bootId !== boot) {
        boot = m.data?.bootId;
        runs.push([]);
      }
      if (runs.length === 0) runs.push([]);
      runs.at(-1).push(m);
    }
    return runs;
  }

  violations() {
    return violations({ runs: this.runs(), commands: this.commands, lossy: this.lossy });
  }
}

export class Panel {
  static async start(options) {
    const panel = new Panel(options);
    await panel.listen(0);
    return panel;
  }

  /** `tls`: {key, cert}; `refuse(attempt)`: a raw HTTP answer instead of a connection, or nothing. */
  constructor({ secret, autoPong = true, tls, refuse = () => undefined } = {}) {
    this.secret = secret;
    this.autoPong = autoPong;
    this.tls = tls;
    this.refuse = refuse;
    this.links = new Map();
    this.attempts = [];
    this.port = 0;
  }

  get url() {
    return this.tls ? `wss://localhost:${this.port}` : `ws://127.0.0.1:${this.port}`;
  }

  link(nodeId) {
    if (!this.links.has(nodeId)) this.links.set(nodeId, new Link(nodeId));
    return this.links.get(nodeId);
  }

  async listen(port = this.port) {
    const onRequest = (request, response) => response.writeHead(426).end();
    this.server = this.tls ? https.createServer(this.tls, onRequest) : http.createServer(onRequest);
    this.sockets = new WebSocketServer({
      noServer: true, autoPong: this.autoPong, maxPayload: 16 << 20, perMessageDeflate: false,
    });
    this.server.on('upgrade', (request, socket, head) => this.upgrade(request, socket, head));
    await new Promise((resolve, reject) => {
      this.server.once('error', reject);
      this.server.listen(port, '127.0.0.1', resolve);
    });
    this.port = this.server.address().port;
  }

  upgrade(request, socket, head) {
    const { headers, url } = request;
    const nodeId = headers['x-node-id'];
    const attempt = { at: Date.now(), headers, url, status: 101 };
    this.attempts.push(attempt);
    socket.on('error', () => {});
    const wrong = headers.authorization !== `Bearer ${this.secret}` && '401 Unauthorized\r\n';
    const refusal = this.refuse(attempt) || wrong;
    if (refusal) {
      attempt.status = Number(refusal.slice(0, 3));
      socket.end(`HTTP/1.1 ${refusal}Content-Length: 0\r\nConnection: close\r\n\r\n`);
      return;
    }
    this.sockets.handleUpgrade(request, socket, head, (webSocket) => this.link(nodeId).attach(webSocket));
  }

  /** Gone, without a goodbye; with `code`, after a close frame. */
  async stop(code) {
    for (const link of this.links.values()) link.lossy = true;
    const clients = [...this.sockets.clients];
    const closed = clients.map((client) => new Promise((resolve) => client.once('close', resolve)));
    for (const client of clients) {
      if (code === undefined) client.terminate();
      else client.close(code);
    }
    const server = new Promise((resolve) => this.server.close(resolve));
    await Promise.all(closed);
    this.server.closeAllConnections?.();
    await server;
  }
}
