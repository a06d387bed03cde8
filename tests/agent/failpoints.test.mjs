// kill -9 of the agent at every call to the kernel that changes a file or speaks to the engine, in
// the middle of a server's whole life, files, archive and backup included: nothing is done twice, every
// command ends, nothing is lost, nothing is half.
//   FAILPOINTS       how many of them are tried, evenly spread (default 20); `all` takes minutes
//   FAILPOINTS_ONLY  one of them, as a failure names it: renameat:3

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
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

/** What files hold in the course of a life: more than one write to the kernel each. */
const kContent = Object.fromEntries(['first', 'second', 'third'].map((name) => [name, name.repeat(12_000)]));
const kFile = 'world/data';
const kOther = 'world/other';
const kArchive = 'world.tar.zst';
const kBackup = 'whole';

const base64 = (text) => Buffer.from(text).toString('base64');

/** One server from its creation to its end; with what files hold once a step is done. */
function stepsOf(token) {
  const { first, second, third } = kContent;
  const half = second.length / 2;
  const piece = (offset) => ({
    path: kFile, content: base64(second.slice(offset, offset + half)), offset, size: second.length,
  });
  const write = (file, content) => ['write_file', { path: file, content }, { [file]: content }];
  return [
    ['create_server', World.payload({ startup: kEcho, start: true, stop: { timeout: 0.2 } })],
    ['send_command', { command: token }],
    write(kFile, first),
    write(kOther, first),
    ['upload_file', piece(0)],
    ['upload_file', piece(half), { [kFile]: second }],
    ['create_archive', { path: 'world', destination: kArchive }],
    ['create_backup', { backupId: kBackup }],
    ['update_server', { environment: { CHANGED: '1' } }],
    ['restart_server', { timeout: 0.2 }],
    ['stop_server', { timeout: 0.2 }],
    write(kFile, third),
    write(kOther, third),
    ['extract_archive', { path: kArchive }, { [kFile]: second, [kOther]: first }],
    write(kOther, third),
    ['restore_backup', { backupId: kBackup }, { [kFile]: second, [kOther]: first }],
    ['start_server'],
    ['kill_server'],
    ['delete_server', { removeData: true }],
  ];
}

const isDone = (entry) => (entry?.ended?.type === 'event' ? entry.ended.data : entry?.ended)?.success === true;

class Life {
  constructor(world) {
    this.world = world;
    this.storm = new Storm({ world, seed: 1, servers: 0 });
  }

  /** As far as the agent lives. */
  async live() {
    const { world, storm } = this;
    this.id = uniqueId('life');
    this.token = uniqueId('token');
    world.created.push(this.id);
    storm.servers = [this.id];
    storm.entries.clear();
    this.steps = [];
    for (const [action, payload, contents] of stepsOf(this.token)) {
      const id = uniqueId(action);
      storm.send({ id, type: 'command', action, serverId: this.id, ...(payload ? { payload } : {}) });
      const entry = storm.entries.get(id);
      this.steps.push({ action, entry, contents });
      await until(`end of ${action}`, () => !world.agent.running || entry?.ended, 20_000);
      if (!world.agent.running) return;
      assert.ok(isDone(entry), `${action} failed: ${JSON.stringify(entry.ended)}`);
    }
  }

  /** Whether what has ended holds after the agent came back. */
  async check() {
    const { storm, world } = this;
    await storm.settle();
    await storm.agree();
    await storm.nothingTwice();
    const find = (action) => this.steps.find((step) => step.action === action)?.entry;
    const actual = await storm.actual(this.id);
    if (isDone(find('create_server')) && !find('delete_server')) assert.notEqual(actual, 'absent', 'its container is lost');
    if (isDone(find('delete_server'))) assert.equal(actual, 'absent', 'it is still there');
    if (find('delete_server') && actual === 'absent') {
      await until('end of its files', () => !fs.existsSync(this.path('')));
    }
    await this.nothingLeftOver();
    if (!find('delete_server')) for (const file of [kFile, kOther]) this.fileIsWhole(file);
    if (actual === 'absent') return;
    const { lines } = await world.link.command('get_server_logs', this.id, { lines: 100 }).result();
    assert.ok(lines.filter((line) => line.message.startsWith(`got ${this.token}`)).length <= 1, 'a line was written twice');
    if (!find('delete_server')) {
      await this.archiveIsWhole(find('create_archive'));
      await this.backupIsWhole(find('create_backup'));
    }
    await world.link.command('delete_server', this.id, { removeData: true }).done(20_000);
  }

  path(name) {
    return path.join(this.world.agent.dataDir, this.id, name);
  }

  /** What agents before this one had in the making is gone, but for an upload that may go on. */
  async nothingLeftOver() {
    const list = (directory) => (fs.existsSync(directory) ? fs.readdirSync(directory) : []);
    const { dataDir, settings } = this.world.agent;
    const uploads = this.steps.filter(({ action }) => action === 'upload_file').map(({ entry }) => isDone(entry));
    const goesOn = uploads.length > 0 && !(uploads.length === 2 && uploads[1]);
    const leftOvers = () => [
      ...list(dataDir).filter((name) => name.startsWith(`.restoring-${this.id}-`)),
      ...list(this.path('.ctrl-alt-play')).filter((name) => !goesOn || /^[ktw]-/.test(name)),
      ...list(path.join(settings.BACKUP_DIR, this.id)).filter((name) => !name.startsWith(`${kBackup}.`)),
    ];
    await until('end of what was left over', () => leftOvers().length === 0).catch(() => {
      assert.deepEqual(leftOvers(), [], 'left over');
    });
  }

  /** It holds what the last step that is done put there, or what one put there that may be done. */
  fileIsWhole(file) {
    let possible = [null];
    for (const { entry, contents } of this.steps) {
      const content = contents?.[file];
      if (content && entry) possible = isDone(entry) ? [content] : [...possible, content];
    }
    const found = fs.existsSync(this.path(file)) ? fs.readFileSync(this.path(file), 'utf8') : null;
    const short = (text) => text && `${text.slice(0, 6)}… of ${text.length}`;
    assert.ok(possible.includes(found), `${file} is ${short(found)}, and not ${possible.map(short)}`);
  }

  async archiveIsWhole(entry) {
    const there = fs.existsSync(this.path(kArchive));
    // A restore brings it back: it is in the backup.
    if (isDone(entry)) assert.ok(there, 'the archive is lost');
    if (!there) return;
    await this.world.link.command('extract_archive', this.id, { path: kArchive, destination: 'out' }).result();
    assert.equal(fs.readFileSync(this.path('out/world/data'), 'utf8'), kContent.second, 'the archive is not whole');
  }

  async backupIsWhole(entry) {
    const { link } = this.world;
    const { backups } = await link.command('list_backups', this.id).result();
    if (isDone(entry)) assert.equal(backups.length, 1, 'the backup is lost');
    for (const { backupId, size, sha256 } of backups) {
      const { content } = await link.command('download_backup', this.id, { backupId }).result();
      const bytes = Buffer.from(content, 'base64');
      assert.deepEqual([bytes.length, createHash('sha256').update(bytes).digest('hex')], [size, sha256], 'the backup is not whole');
    }
  }
}

const tracing = (world, options) => {
  world.agent.wrapper = options && [...kStrace, ...options];
};

/** The agent's end, and that the panel knows of it: what it sent before would go to nobody. */
async function gone(world, ending) {
  await ending;
  await until('the end of its connection', () => world.link.socket === null);
}

/** How often a thread of the agent makes each of the calls in one life, its own start included. */
async function count(world, life, calls) {
  const file = path.join(world.agent.directory, 'calls');
  tracing(world, ['-o', file, '-e', `trace=${calls.join(',')}`]);
  await gone(world, world.agent.stop());
  world.agent.start();
  await life.storm.connected();
  await life.live();
  await life.check();
  await gone(world, world.agent.stop());
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
  await gone(world, agent.kill('SIGKILL'));
  agent.start();
  await life.storm.connected();
  if (came) await life.check();
  await gone(world, world.agent.stop());
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
        // A life with less to do may end before its nth call; half as many it makes.
        const met = await tryOut(world, life, call, n) || await tryOut(world, life, call, Math.ceil(n / 2));
        killed += met ? 1 : 0;
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
