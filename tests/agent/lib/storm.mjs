// Commands at random, faults in between (faults.mjs), and an oracle that holds the agent to its
// promises: every command ends exactly once or is said to be unknown, none is executed twice, and
// after the fault the panel was told what the engine says. The same seed gives the same commands and faults.

import assert from 'node:assert/strict';
import { EngineProcess } from './engine_process.mjs';
import { happen } from './faults.mjs';
import { EngineLedger, spanOf, unclaimed } from './ledger.mjs';
import { acceptance } from './protocol.mjs';
import { target } from './target.mjs';
import { pause, slowness, until } from './wait.mjs';
import { Witness } from './witness.mjs';
import { World, programs, uniqueId } from './world.mjs';

/**
 * What the panel was told is what the engine says so many ms after a fault has ended. However busy the
 * machine, this is not made longer.
 */
const kAgreement = 2_000;

/** The agent keeps the ids of the last 4,096 commands: it is asked again for none before so many. */
const kKnown = 4_000;

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

/** States of the protocol that fit what the engine says of a container. */
const kFitting = {
  absent: new Set(['absent', 'deleted', 'failed']),
  created: new Set(['created', 'stopped', 'failed']),
  running: new Set(['running']),
  exited: new Set(['stopped', 'crashed', 'failed']),
  // An engine that is killed while it removes one leaves it so for good.
  removing: new Set(['failed', 'deleted']),
};
/** The engines' words for what has ended and is not yet cleared away. */
const kHasEnded = new Set(['dead', 'stopped']);
/** And beside these while a command for that server has not ended, or it is started without one. */
const kFittingMeanwhile = {
  // One whose limits cannot be changed in place is made anew, at the latest when it is started.
  absent: new Set(['creating', 'pulling', 'deleting', ...(target.kind === 'podman'
    ? ['starting', 'restarting', 'stopped', 'crashed'] : [])]),
  created: new Set(['creating', 'starting', 'restarting', 'deleting']),
  running: new Set(['starting', 'stopping', 'restarting', 'deleting']),
  exited: new Set(['starting', 'stopping', 'restarting', 'deleting']),
  removing: new Set(['starting', 'restarting', 'stopped', 'crashed', 'deleting']),
};

/** Ends by itself, with a code that nothing else here ends with. */
const kCrashing = 'sleep 1; exit 7';
const kCrashCode = '7';

/** How a command ended, in a word. */
const endOf = (m) => (m.type === 'response' ? m.error?.code ?? 'result' : m.data.error?.code ?? 'completed');

export class Storm {
  constructor({ world, seed, servers = 6 }) {
    this.world = world;
    this.link = world.link;
    this.random = seeded(seed);
    this.servers = Array.from({ length: servers }, (_, i) => uniqueId(`storm${i}`));
    world.created.push(...this.servers);
    this.entries = new Map();
    this.crashes = [];
    this.faults = {};
    /** In ms, how long after each fault the panel had been told what is. */
    this.caughtUpAfter = [];
    this.told = new Map();
    this.toldOn = this.link.connections;
    this.link.waiters.add({ offer: (message) => this.hear(message) });
  }

  /** `breaksEngine`: it is a private engine, and one's own. */
  async open({ breaksEngine = false } = {}) {
    if (!target.real) return;
    this.ledger = new EngineLedger(target.engine.socketPath);
    await this.ledger.open();
    if (!breaksEngine) return;
    this.engine = new EngineProcess(target.engine);
    await this.engine.liveRestore();
  }

  async watch() {
    if (target.real) this.witness = await Witness.start(this.world);
  }

  pick(list) {
    return list[Math.floor(this.random() * list.length)];
  }

  hear(m) {
    // What was told on an earlier connection is told anew: first of all what there is.
    if (m.type === 'system_info') Object.assign(this, { told: new Map(), toldOn: this.link.connections });
    if (m.type === 'response' && this.entries.has(m.id)) {
      const entry = this.entries.get(m.id);
      entry.response = m;
      if (!m.success || acceptance[entry.message.action] === undefined) this.noteEnd(entry, m);
    }
    if (m.type !== 'event') return;
    const entry = this.entries.get(m.data.commandId);
    if (m.event === 'command_completed' && entry) this.noteEnd(entry, m);
    if (m.event === 'server_status_changed') entry?.states.add(m.data.currentStatus);
    if (m.event === 'server_status_changed' || m.event === 'server_status') this.hearState(m);
  }

  noteEnd(entry, m) {
    const end = endOf(m);
    // What was refused may be asked for anew, of the next agent; what has ended has ended so for good.
    if (entry.ended?.type === 'event' && endOf(entry.ended) !== end) entry.alsoEnded = end;
    if (entry.ended) return;
    Object.assign(entry, { ended: m, endedAt: Date.now(), whole: this.link.connections === entry.connection });
  }

  hearState({ seq, data: { serverId, currentStatus, status } }) {
    if ((this.told.get(serverId)?.seq ?? -1) > seq) return;
    this.told.set(serverId, { seq, status: currentStatus ?? status, at: Date.now() });
  }

  send(message) {
    if (!this.link.socket) return;
    try {
      this.link.send(message);
    } catch {
      return;  // the connection went this moment
    }
    if (this.entries.has(message.id)) return;
    const connection = this.link.connections;
    this.entries.set(message.id, { message, sentAt: Date.now(), connection, states: new Set(), ended: null });
  }

  randomCommand() {
    const serverId = this.pick(this.servers);
    const dice = this.random();
    const command = (action, payload) => this.send({
      id: uniqueId('cmd'), type: 'command', action, serverId, ...(payload ? { payload } : {}),
    });
    if (dice < 0.25) {
      const restarts = this.random() < 0.5;
      return command('create_server', World.payload({
        startup: this.pick([programs.graceful, programs.stubborn, kCrashing]),
        start: this.random() < 0.5, stop: { timeout: 0.5 },
        ...(restarts ? { restart: { policy: 'on-failure', maxRetries: 2 } } : {}),
      }));
    }
    if (dice < 0.45) return command('start_server');
    if (dice < 0.58) return command('stop_server', { timeout: this.random() < 0.5 ? 0.2 : 1 });
    if (dice < 0.68) return command('restart_server', { timeout: 0.3 });
    if (dice < 0.74) return command('kill_server');
    if (dice < 0.8) return command('delete_server', { removeData: true });
    if (dice < 0.85) return command('update_server', { limits: { memory: this.pick(['64m', '96m']) } });
    if (dice < 0.95) return command('get_status');
    // A panel that did not hear the answer asks again, of those that the agent promises to know.
    const known = [...this.entries.values()].slice(-kKnown);
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

  /** Something else than a command ends the server: its policy may start it again, once. */
  crashed(serverId, more = {}) {
    const at = more.at ?? Date.now();
    this.crashes.push({ serverId, span: [at, at + 90_000], ...more });
  }

  /** The next agent takes an end as by an engine that goes down for one, within a minute, and starts it. */
  mayBeStartedByTheNext(serverId) {
    return this.crashes.some((one) => one.serverId === serverId && one.killed && Date.now() < one.span[1]);
  }

  // ---- the oracle ----

  unended() {
    return [...this.entries.values()].filter((entry) => !entry.ended);
  }

  /** Asks again for every command whose end is not known, until all have ended. */
  async settle() {
    await this.connected();
    const end = Date.now() + 60_000 * slowness;
    while (this.unended().length > 0) {
      assert.ok(Date.now() < end, `these commands never ended:\n${this.unended()
        .map((entry) => JSON.stringify([entry.message, entry.response])).join('\n')}\n${this.link.tail(60)}`);
      for (const entry of this.unended()) this.send(entry.message);
      await until('ends', () => this.unended().length === 0, 3_000 / slowness).catch(() => {});
      await this.connected();
    }
    // What is started after a crash, or since the engine took it along.
    await until('end of each start', () => ![...this.toldStates().values()].includes('starting'), 30_000);
  }

  /** What the engine says, in the words of kFitting. */
  async actual(serverId) {
    return (await this.actualStates()).get(serverId) ?? 'absent';
  }

  async actualStates() {
    const states = new Map();
    for (const [id, state] of await target.engine.states()) {
      states.set(id, kFitting[state] ? state : kHasEnded.has(state) ? 'exited' : `${state} (engine)`);
    }
    return states;
  }

  /** What the panel sees when it asks, in place of what it was told. */
  async seenStates() {
    const { servers } = await this.link.command('list_servers').result();
    return new Map(servers.map(({ serverId, status }) => [serverId, status]));
  }

  /**
   * One look at all servers at once: where `statuses` are not what the engine says, and since when what
   * fits was said. A busy engine takes its time to answer, and each server's state is of a moment within:
   * what was said before it was asked may fit, or what was said after, from when it was told.
   */
  async look(statusesNow) {
    const before = { at: Date.now(), statuses: await statusesNow(), busy: this.busy() };
    const actual = await this.actualStates();
    const after = { at: Date.now(), statuses: await statusesNow(), busy: this.busy() };
    const watched = this.witness ? [...this.servers, this.witness.id] : this.servers;
    const fits = (id, { statuses, busy }) => {
      const [is, said] = [actual.get(id) ?? 'absent', statuses.get(id) ?? 'absent'];
      return kFitting[is]?.has(said) || (busy.has(id) && kFittingMeanwhile[is]?.has(said));
    };
    const wrong = watched.filter((id) => !fits(id, before) && !fits(id, after)).map((id) => `${id}: the engine says ${
      actual.get(id) ?? 'absent'}, the panel ${after.statuses.get(id) ?? 'absent'}`);
    const since = (id) => {
      if (fits(id, before)) return before.at;
      const told = this.told.get(id);
      return told?.status === after.statuses.get(id) && told.at >= before.at ? told.at : after.at;
    };
    return { wrong, at: Math.max(before.at, ...watched.map(since)) };
  }

  /** Servers that a command, or a start without one, is changing. */
  busy() {
    const started = [...this.toldStates()].filter(([, status]) => status === 'starting').map(([id]) => id);
    return new Set([...this.unended().map(({ message }) => message.serverId), ...started]);
  }

  /** Ms from `since` until all servers agree at one moment, which must be soon enough. */
  async agreeSince(since, statusesNow, what) {
    let wrong;
    let at;
    do {
      ({ wrong, at } = await this.look(statusesNow).catch((error) => ({ wrong: [error.message], at: Date.now() })));
      if (wrong.length > 0) await pause(20);
    } while (wrong.length > 0 && at - since < kAgreement + 30_000);
    const took = at - since;
    if (wrong.length === 0 && took <= kAgreement) return took;
    const end = wrong.length > 0 ? `not within ${took} ms:\n${wrong.join('\n')}` : `only after ${took} ms`;
    throw new Error(`${what} ${end}\n${this.link.tail(80, wrong[0]?.split(':')[0])}`);
  }

  /** What was told on a connection before this one holds no longer. */
  toldStates() {
    if (this.toldOn !== this.link.connections) return new Map();
    return new Map([...this.told].map(([id, { status }]) => [id, status]));
  }

  /** After a fault that ended this moment. */
  async catchUp(fault) {
    if (!target.real) return;
    const took = await this.agreeSince(Date.now(), () => this.toldStates(), `after ${fault}, the panel was told what is`);
    this.caughtUpAfter.push(took);
  }

  /** With nothing going on: what was told and what is seen are what the engine says. */
  async agree() {
    if (!target.real) return;
    const quiet = Date.now();
    await this.agreeSince(quiet, () => this.toldStates(), 'when all was quiet, the panel was told what is');
    await this.agreeSince(quiet, () => this.seenStates(), 'when all was quiet, the panel saw what is');
  }

  /** No command that was accepted has ended in two ways. */
  endedOnce() {
    const twice = [...this.entries.values()].filter(({ alsoEnded }) => alsoEnded)
      .map(({ message, ended, alsoEnded }) => `${message.action} ${message.id}: ${endOf(ended)}, then ${alsoEnded}`);
    assert.deepEqual(twice, [], 'a command ended twice');
  }

  /** Each thing the engine did was asked for by a command that did it, or followed from a crash. */
  async nothingTwice() {
    if (!this.ledger) return;
    const events = this.ledger.take();
    for (const { action, serverId, exitCode, at } of events) {
      if (action === 'die' && exitCode === kCrashCode) this.crashed(serverId, { at });
    }
    for (const serverId of this.servers) {
      for (const deed of ['create', 'start']) {
        const deeds = events.filter((event) => event.serverId === serverId && event.action === deed);
        const claims = this.claims(deed, serverId);
        const without = unclaimed(deeds, claims);
        assert.deepEqual(without, [], `${serverId}: ${deed} without a command that did it; left of these:\n${
          claims.map((claim) => JSON.stringify(claim)).join('\n')}\n${this.link.tail(80, serverId)}`);
      }
    }
  }

  /** What may have done the deed and is not used up. */
  claims(deed, serverId) {
    const claims = [...this.entries.values()].filter(({ message }) => message.serverId === serverId).map((entry) => {
      entry.claims ??= {};
      return (entry.claims[deed] ??= { span: spanOf(deed, entry) ?? [0, 0], used: false, id: entry.message.id });
    });
    const crashes = deed === 'start' ? this.crashes.filter((crash) => crash.serverId === serverId) : [];
    return [...claims, ...crashes].filter(({ used, span }) => !used && span[1] > 0);
  }

  /** By server, what runs in it, but for those that start and end by themselves. */
  async processes() {
    const found = new Map();
    for (const id of this.servers.filter((one) => !this.mayBeStartedByTheNext(one))) {
      const info = await target.engine.inspect(id);
      if (info && JSON.stringify(info.Config.Cmd).includes(kCrashing)) continue;
      found.set(id, info?.State.Running ? `process ${info.State.Pid} since ${info.State.StartedAt}` : 'nothing');
    }
    return found;
  }

  /** A fault while nothing is asked for: no server may notice. */
  async quietly(fault) {
    await this.settle();
    const before = target.real && await this.processes();
    await happen(this, fault);
    await this.catchUp(fault);
    await this.settle();
    const after = target.real && await this.processes();
    for (const [id, ran] of before || []) {
      assert.equal(after.get(id), ran, `${id} was touched by ${fault}: ${ran} ran, and now ${
        after.get(id)}\n${this.link.tail(80, id)}`);
    }
    await this.agree();
  }

  /** One round: commands, the fault in the middle of them, more commands, then peace and the oracle. */
  async round(fault, { ms = 600, rate = 40 } = {}) {
    await this.blow(ms * this.random(), rate);
    if (fault) {
      await happen(this, fault);
      await this.catchUp(fault);
    }
    await this.blow(ms * this.random(), rate);
    await this.settle();
    await this.agree();
    this.endedOnce();
    await this.nothingTwice();
    await this.witness?.check();
  }

  /** No server but the witness is left. */
  async clear() {
    await this.settle();
    for (const serverId of this.servers) {
      this.send({ id: uniqueId('cmd'), type: 'command', action: 'delete_server', serverId, payload: { removeData: true } });
    }
    await this.settle();
    await this.agree();
  }

  summary() {
    const ends = [...this.entries.values()].map(({ ended }) => (ended ? endOf(ended) : 'not ended'));
    const counts = ends.reduce((map, end) => map.set(end, (map.get(end) ?? 0) + 1), new Map());
    const sorted = [...this.caughtUpAfter].sort((a, b) => a - b);
    const agreement = sorted.length === 0 ? ''
      : `; told what is ${sorted[sorted.length >> 1]} ms after a fault, at most ${sorted.at(-1)} ms`;
    const held = this.witness ? `, no server held up for more than ${this.witness.longest.toFixed(2)} s` : '';
    return `${this.entries.size} commands (${[...counts].map(([end, n]) => `${n} ${end}`).join(', ')}), faults: ` +
      Object.entries(this.faults).map(([name, n]) => `${n} ${name}`).join(', ') + agreement + held;
  }

  close() {
    this.ledger?.close();
  }
}
