// What the engine did with containers, by its own word, and for which command it did it.

import http from 'node:http';
import { target } from './target.mjs';
import { pause } from './wait.mjs';

/** How long the engine may still carry out a command whose end said that nobody can tell. */
const kAftermath = 60_000;

/** Commands that have containers made, or started. */
const kAsks = {
  // Podman changes the limits of what runs; what does not run is made anew with them.
  create: (m) => m.action === 'create_server' ||
    (m.action === 'update_server' && (Boolean(m.payload.environment) || target.kind === 'podman')),
  start: (m) => m.action === 'start_server' || m.action === 'restart_server' ||
    (m.action === 'create_server' && m.payload.start),
};
/** States that a command which really does so goes through. */
const kThrough = { create: ['created'], start: ['starting', 'restarting'] };

const errorOf = (ended) => (ended.type === 'response' ? ended.error : ended.data.error);

/**
 * When a command may have done the deed, [from, to] in ms; null: it cannot have. `entry`: its
 * `message`, when it was `sentAt`, how and when it `ended`, the `states` that it was told to cause, and
 * whether all of that was told on one connection (`whole`), so that what was not told was not done.
 */
export function spanOf(deed, entry) {
  const { message, sentAt, ended, endedAt, states, whole } = entry;
  if (!ended || !kAsks[deed](message)) return null;
  const code = errorOf(ended)?.code;
  if (code === 'OUTCOME_UNKNOWN') return [sentAt, endedAt + kAftermath];
  if (ended.type === 'response') return null;  // refused
  // What an update changes is made at a start to come.
  if (message.action === 'update_server') return code ? null : [sentAt, Infinity];
  if (code) return !whole || states.size > 0 ? [sentAt, endedAt + kAftermath] : null;
  return !whole || kThrough[deed].some((state) => states.has(state)) ? [sentAt, endedAt] : null;
}

/** Deeds in the order of their `at` that none of `claims` ({span, used}) is left for. Uses those up. */
export function unclaimed(deeds, claims) {
  return deeds.filter(({ at }) => {
    // The clocks are one; a millisecond is lost in rounding.
    const fitting = claims.filter(({ used, span: [from, to] }) => !used && from <= at + 1 && at <= to + 1);
    if (fitting.length === 0) return true;
    fitting.reduce((best, one) => (one.span[1] < best.span[1] ? one : best)).used = true;
    return false;
  });
}

/** The engine's events from now on; an engine that ends is listened to again when it is back. */
export class EngineLedger {
  constructor(socketPath) {
    this.socketPath = socketPath;
    this.events = [];
    this.seen = new Set();
    this.closed = false;
    this.since = `${Date.now() / 1000}`;
  }

  async open() {
    await this.listen();
  }

  /** Resolves when the engine takes the request, and goes on listening. */
  listen() {
    const filters = encodeURIComponent(JSON.stringify({ type: ['container'], label: ['ctrl-alt-play.managed=true'] }));
    return new Promise((resolve, reject) => {
      const path = `/events?since=${this.since}&filters=${filters}`;
      this.request = http.get({ socketPath: this.socketPath, path, agent: false }, (response) => {
        resolve();
        let text = '';
        response.setEncoding('utf8');
        response.on('error', () => {});
        response.on('close', () => this.listenAgain());
        response.on('data', (data) => {
          const lines = (text + data).split('\n');
          text = lines.pop();
          for (const line of lines.filter(Boolean)) this.note(JSON.parse(line));
        });
      });
      this.request.on('error', reject);
    });
  }

  async listenAgain() {
    while (!this.closed) {
      await pause(100);
      if (await this.listen().then(() => true, () => false)) return;
    }
  }

  note({ Action: action, Actor: actor, timeNano }) {
    const key = `${timeNano} ${action} ${actor.ID}`;
    if (this.seen.has(key)) return;
    this.seen.add(key);
    this.since = `${Math.floor(timeNano / 1e9)}`;
    this.events.push({
      action, at: timeNano / 1e6, serverId: actor.Attributes['ctrl-alt-play.server-id'], exitCode: actor.Attributes.exitCode,
    });
  }

  /** What happened since the last time it was asked. */
  take() {
    return this.events.splice(0);
  }

  close() {
    this.closed = true;
    this.request.destroy();
  }
}
