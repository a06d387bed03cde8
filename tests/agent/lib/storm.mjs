// Commands at random, faults in between, and an oracle that holds the agent to its promises:
// every command ends exactly once or is said to be unknown, none is executed twice, and after the
// fault the panel sees what the engine says. The same seed gives the same commands and faults.

import assert from 'node:assert/strict';
import http from 'node:http';
import { acceptance } from './protocol.mjs';
import { target } from './target.mjs';
import { pause, slowness, until } from './wait.mjs';
import { World, programs, uniqueId } from './world.mjs';

/** mulberry32. */
export function seeded(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6D2B79F5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

/** What the engine did with containers, counted by name and kind from now on. */
class EngineLedger {
  constructor(socketPath) {
    this.counts = new Map();
    const filters = encodeURIComponent(JSON.stringify({ type: ['container'], label: ['ctrl-alt-play.managed=true'] }));
    this.opened = new Promise((resolve, reject) => {
      this.request = http.get({ socketPath, path: `/events?filters=${filters}`, agent: false }, (response) => {
        resolve();
        let text = '';
        response.setEncoding('utf8');
        response.on('error', () => {});
        response.on('data', (data) => {
          const lines = (text + data).split('\n');
          text = lines.pop();
          for (const line of lines.filter(Boolean)) this.note(JSON.parse(line));
        });
      });
      this.request.on('error', reject);
    });
  }

  note({ Action: action, Actor: actor }) {
    const key = `${action} ${actor.Attributes['ctrl-alt-play.server-id']}`;
    this.counts.set(key, (this.counts.get(key) ?? 0) + 1);
  }

  count(action, serverId) {
    return this.counts.get(`${action} ${serverId}`) ?? 0;
  }

  close() {
    this.request.destroy();
  }
}

/** States of the protocol that fit what the engine says of a container. */
const kFitting = {
  absent: new Set(['absent', 'failed']),
  created: new Set(['created', 'stopped', 'failed']),
  running: new Set(['running']),
  exited: new Set(['stopped', 'crashed', 'failed']),
};

export class Storm {
  constructor({ world, seed, servers = 6, log = () => {} }) {
    this.world = world;
    this.link = world.link;
    this.random = seeded(seed);
    this.servers = Array.from({ length: servers }, (_, i) => uniqueId(`storm${i}`));
    world.created.push(...this.servers);
    this.entries = new Map();
    this.faults = {};
    this.log = log;
    this.link.waiters.add({ offer: (message) => this.hear(message) });
  }

  async open() {
    if (!target.real) return;
    this.ledger = new EngineLedger(target.engine.socketPath);
    await this.ledger.opened;
  }

  pick(list) {
    return list[Math.floor(this.random() * list.length)];
  }

  hear(m) {
    if (m.type === 'response' && this.entries.has(m.id)) {
      const entry = this.entries.get(m.id);
      entry.response = m;
      if (!m.success || acceptance[entry.message.action] === undefined) entry.ended = m;
    }
    if (m.type === 'event' && m.event === 'command_completed') {
      const entry = this.entries.get(m.data.commandId);
      if (entry) entry.ended = m;
    }
  }

  send(message) {
    if (!this.link.socket) return;
    try {
      this.link.send(message);
    } catch {
      return;  // the connection went this moment
    }
    if (!this.entries.has(message.id)) this.entries.set(message.id, { message, ended: null });
  }

  randomCommand() {
    const serverId = this.pick(this.servers);
    const dice = this.random();
    const command = (action, payload) => this.send({
      id: uniqueId('cmd'), type: 'command', action, serverId, ...(payload ? { payload } : {}),
    });
    if (dice < 0.2) {
      return command('create_server', World.payload({
        startup: this.random() < 0.5 ? programs.graceful : programs.stubborn,
        start: this.random() < 0.5, stop: { timeout: 0.5 },
      }));
    }
    if (dice < 0.4) return command('start_server');
    if (dice < 0.55) return command('stop_server', { timeout: this.random() < 0.5 ? 0.2 : 1 });
    if (dice < 0.65) return command('restart_server', { timeout: 0.3 });
    if (dice < 0.72) return command('kill_server');
    if (dice < 0.8) return command('delete_server', { removeData: true });
    if (dice < 0.85) return command('update_server', { limits: { memory: this.pick(['64m', '96m']) } });
    if (dice < 0.95) return command('get_status');
    // A panel that did not hear the answer asks again.
    const known = [...this.entries.values()];
    if (known.length > 0) this.send(this.pick(known).message);
  }

  /** Sends commands for `ms`, about `rate` a second. */
  async blow(ms, rate) {
    const end = Date.now() + ms;
    while (Date.now() < end) {
      this.randomCommand();
      await pause(this.random() * 2000 / rate);
    }
  }

  async connected() {
    await until('connection', () => this.link.socket !== null, 30_000);
  }

  // ---- faults ----

  noteFault(name) {
    this.faults[name] = (this.faults[name] ?? 0) + 1;
    this.link.lossy = true;
  }

  async killAgent() {
    this.noteFault('kill -9 of the agent');
    await this.world.agent.kill('SIGKILL');
    await until('the end of its connection', () => this.link.socket === null);
    this.world.agent.start();
    await this.connected();
  }

  async restartAgent() {
    this.noteFault('restart of the agent');
    await this.world.agent.stop();
    this.world.agent.start();
    await this.connected();
  }

  async freezeAgent() {
    this.noteFault('SIGSTOP of the agent');
    process.kill(this.world.agent.pid, 'SIGSTOP');
    await pause(200 + this.random() * 1500);
    process.kill(this.world.agent.pid, 'SIGCONT');
  }

  async cutConnection() {
    this.noteFault('reset connection');
    this.link.socket?._socket?.resetAndDestroy();
    await this.connected();
  }

  async silentPanel() {
    this.noteFault('panel gone');
    await this.world.panel.stop();
    await pause(this.random() * 1000);
    await this.world.panel.listen();
    await this.connected();
  }

  async freezeEngine(pid) {
    this.noteFault('SIGSTOP of the engine');
    process.kill(pid, 'SIGSTOP');
    await this.blow(500 + this.random() * 1500, 20);
    process.kill(pid, 'SIGCONT');
  }

  // ---- the oracle ----

  open_() {
    return [...this.entries.values()].filter((entry) => !entry.ended);
  }

  /** Asks again for every command whose end is not known, until all have ended. */
  async settle() {
    await this.connected();
    const end = Date.now() + 60_000 * slowness;
    while (this.open_().length > 0) {
      assert.ok(Date.now() < end, `these commands never ended:\n${this.open_()
        .map((entry) => JSON.stringify([entry.message, entry.response])).join('\n')}\n${this.link.tail(60)}`);
      for (const entry of this.open_()) this.send(entry.message);
      await until('ends', () => this.open_().length === 0, 3_000 / slowness).catch(() => {});
      await this.connected();
    }
  }

  async seen(serverId) {
    const response = await this.link.command('get_status', serverId).response();
    if (response.success) return response.data.status;
    return response.error.code === 'SERVER_NOT_FOUND' ? 'absent' : response.error.code;
  }

  /** What the engine says, in the words of kFitting. */
  async actual(serverId) {
    const info = await target.engine.inspect(serverId);
    if (info === null) return 'absent';
    if (info.State.Running) return 'running';
    return info.State.Status === 'created' ? 'created' : 'exited';
  }

  /** The panel sees what the engine says, at most 2 s after all is quiet. */
  async agree() {
    if (!target.real) return;
    for (const serverId of this.servers) {
      let last;
      await until('agreement', async () => {
        last = [await this.actual(serverId), await this.seen(serverId)];
        return kFitting[last[0]].has(last[1]);
      }, 2_000).catch(() => {
        throw new Error(`${serverId}: the engine says ${last[0]}, the panel sees ${last[1]}\n${this.link.tail(80)}`);
      });
    }
  }

  /** Nothing of the engine's was done more often than commands asked for it. */
  async nothingTwice() {
    if (!this.ledger) return;
    const asked = (serverId, wanted) => [...this.entries.values()]
      .filter(({ message }) => message.serverId === serverId && wanted(message)).length;
    for (const serverId of this.servers) {
      // A change of environment makes a new container at the next start.
      const creates = asked(serverId, (m) => m.action === 'create_server' ||
        (m.action === 'update_server' && m.payload.environment));
      const starts = asked(serverId, (m) => m.action === 'start_server' || m.action === 'restart_server' ||
        (m.action === 'create_server' && m.payload.start));
      assert.ok(this.ledger.count('create', serverId) <= creates,
        `${serverId}: ${this.ledger.count('create', serverId)} containers for ${creates} commands`);
      assert.ok(this.ledger.count('start', serverId) <= starts,
        `${serverId}: ${this.ledger.count('start', serverId)} starts for ${starts} commands`);
    }
  }

  async processes() {
    const infos = await Promise.all(this.servers.map((id) => target.engine.inspect(id)));
    return infos.map((info) => info?.State.Running && [info.State.Pid, info.State.StartedAt]);
  }

  /** A fault while nothing is asked for: no server may notice. */
  async quietly(fault) {
    await this.settle();
    const before = target.real && await this.processes();
    await fault();
    await this.settle();
    if (target.real) assert.deepEqual(await this.processes(), before, 'a server was touched');
    await this.agree();
  }

  /** One round: commands, the fault in the middle of them, more commands, then peace and the oracle. */
  async round(fault, { ms = 600, rate = 40 } = {}) {
    await this.blow(ms * this.random(), rate);
    await fault();
    await this.blow(ms * this.random(), rate);
    await this.settle();
    await this.agree();
    await this.nothingTwice();
  }

  summary() {
    const ends = [...this.entries.values()].map((entry) => (entry.ended?.type === 'response'
      ? entry.ended.error?.code ?? 'result' : entry.ended?.data.error?.code ?? 'completed'));
    const counts = ends.reduce((map, end) => map.set(end, (map.get(end) ?? 0) + 1), new Map());
    return `${this.entries.size} commands (${[...counts].map(([end, n]) => `${n} ${end}`).join(', ')}), faults: ` +
      Object.entries(this.faults).map(([name, n]) => `${n} ${name}`).join(', ');
  }

  close() {
    this.ledger?.close();
  }
}
