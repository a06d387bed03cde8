// kill -9 of the agent at every call to the kernel that changes a file or speaks to the engine, in
// the middle of a server's whole life: nothing is done twice, every command ends, nothing is lost.
//   FAILPOINTS       how many of them are tried, evenly spread (default 20); `all` takes minutes
//   FAILPOINTS_ONLY  one of them, as a failure names it: renameat:3

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import { it } from 'node:test';
import path from 'node:path';
import { Storm } from './lib/storm.mjs';
import { target } from './lib/target.mjs';
import { until } from './lib/wait.mjs';
import { World, inWorld, uniqueId } from './lib/world.mjs';

/** What makes a file last or go, and what the engine is asked with. */
const kCalls = ['rename', 'renameat', 'renameat2', 'fsync', 'fdatasync', 'unlink', 'unlinkat', 'mkdirat',
  'ftruncate', 'pwrite64', 'write', 'sendto', 'sendmsg'];

const kStrace = ['strace', '-D', '-f', '-qqq'];
const kEcho = 'while read line; do echo "got $line"; done; sleep 1000';

/** The calls of this system among kCalls. */
function known() {
  return kCalls.filter((call) => {
    try {
      execFileSync('strace', ['-e', `trace=${call}`, 'true'], { stdio: 'ignore' });
      return true;
    } catch {
      return false;
    }
  });
}

class Life {
  constructor(world) {
    this.world = world;
    this.storm = new Storm({ world, seed: 1, servers: 0 });
  }

  /** One server from its creation to its end, as far as the agent lives. */
  async live() {
    const { world, storm } = this;
    this.id = uniqueId('life');
    this.token = uniqueId('token');
    world.created.push(this.id);
    storm.servers = [this.id];
    storm.entries.clear();
    this.steps = [
      ['create_server', World.payload({ startup: kEcho, start: true, stop: { timeout: 0.2 } })],
      ['send_command', { command: this.token }],
      ['update_server', { environment: { CHANGED: '1' } }],
      ['restart_server', { timeout: 0.2 }],
      ['stop_server', { timeout: 0.2 }],
      ['start_server'],
      ['delete_server', { removeData: true }],
    ];
    for (const [action, payload] of this.steps) {
      const id = uniqueId(action);
      storm.send({ id, type: 'command', action, serverId: this.id, ...(payload ? { payload } : {}) });
      const entry = storm.entries.get(id);
      await until('its end', () => !world.agent.running || entry?.ended, 20_000);
      if (!world.agent.running) return;
    }
  }

  /** Whether what has ended holds after the agent came back. */
  async check() {
    const { storm, world } = this;
    await storm.settle();
    await storm.agree();
    await storm.nothingTwice();
    const entries = [...storm.entries.values()];
    const find = (action) => entries.find((entry) => entry.message.action === action);
    const isDone = (entry) => entry?.ended?.type === 'event' && entry.ended.data.success === true;
    const actual = await storm.actual(this.id);
    if (isDone(find('create_server')) && !find('delete_server')) assert.notEqual(actual, 'absent', 'its container is lost');
    if (isDone(find('delete_server'))) assert.equal(actual, 'absent', 'it is still there');
    if (actual === 'absent') return;
    const { lines } = await world.link.command('get_server_logs', this.id, { lines: 100 }).result();
    assert.ok(lines.filter((line) => line.message.startsWith(`got ${this.token}`)).length <= 1, 'a line was written twice');
    await world.link.command('delete_server', this.id, { removeData: true }).done(20_000);
  }
}

const tracing = (world, options) => {
  world.agent.wrapper = options && [...kStrace, ...options];
};

/** How often a thread of the agent makes each of the calls in one life, its own start included. */
async function count(world, life, calls) {
  const file = path.join(world.agent.directory, 'calls');
  tracing(world, ['-o', file, '-e', `trace=${calls.join(',')}`]);
  await world.agent.stop();
  world.agent.start();
  await life.storm.connected();
  await life.live();
  await life.check();
  await world.agent.stop();
  // strace counts for each thread by itself: the first that makes its nth call is where it ends.
  const threads = new Map();
  const counts = new Map();
  for (const line of fs.readFileSync(file, 'utf8').split('\n')) {
    const [, thread, call] = line.match(/^(\d+) +(\w+)\(/) ?? [];
    if (!call) continue;
    const n = (threads.get(`${thread} ${call}`) ?? 0) + 1;
    threads.set(`${thread} ${call}`, n);
    counts.set(call, Math.max(n, counts.get(call) ?? 0));
  }
  return counts;
}

function chosen(counts) {
  if (process.env.FAILPOINTS_ONLY) return [process.env.FAILPOINTS_ONLY.split(':')];
  const all = [...counts].flatMap(([call, n]) => Array.from({ length: n }, (_, i) => [call, i + 1]));
  const wanted = process.env.FAILPOINTS === 'all' ? all.length : Number(process.env.FAILPOINTS ?? 20);
  return all.filter((_, i) => Math.floor(i * wanted / all.length) !== Math.floor((i - 1) * wanted / all.length));
}

async function tryOut(world, life, call, n) {
  const { agent, link } = world;
  tracing(world, ['-o', '/dev/null', '-e', `trace=${call}`, '-e', `inject=${call}:signal=KILL:when=${n}`]);
  agent.start();
  await until('connection', () => !agent.running || link.socket, 20_000);
  const came = agent.running;
  if (came) await life.live();
  const killed = !agent.running;
  tracing(world, undefined);
  await agent.kill('SIGKILL');
  await until('the end of its connection', () => link.socket === null);
  agent.start();
  await life.storm.connected();
  if (came) await life.check();
  await agent.stop();
  return killed;
}

it('survives kill -9 at any call that matters', () => inWorld({}, async (world) => {
  assert.ok(target.real, 'the mock engine ends with the agent: use docker or podman');
  const life = new Life(world);
  await life.storm.open();
  world.link.lossy = true;
  try {
    const counts = await count(world, life, known());
    const points = chosen(counts);
    console.log([...counts].map(([call, n]) => `${n} ${call}`).join(', '));
    let killed = 0;
    for (const [call, n] of points) {
      const began = Date.now();
      try {
        killed += await tryOut(world, life, call, n) ? 1 : 0;
      } catch (error) {
        error.message = `FAILPOINTS_ONLY=${call}:${n}: ${error.message}`;
        throw error;
      }
      if (process.env.FAILPOINTS === 'all') console.log(`${call}:${n} ${Date.now() - began} ms`);
    }
    world.agent.start();
    await life.storm.connected();
    console.log(`${points.length} points, ${killed} kills`);
    assert.ok(killed > points.length / 2, `only ${killed} of ${points.length} were met`);
  } finally {
    life.storm.close();
  }
}));
