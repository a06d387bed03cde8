// The shipped unit under a real systemd, on real engines, with the panel of the end-to-end tests. Run
// by tests/service/systemd.sh:
//   BUILD_TREE   what is installed
//   PREFIX       where it was configured to go

import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import fs from 'node:fs';
import { after, before, describe, it } from 'node:test';
import { Engine } from '../agent/lib/engine.mjs';
import { Panel } from '../agent/lib/panel.mjs';
import { until } from '../agent/lib/wait.mjs';
import * as machine from './machine.mjs';

const { systemctl, unit } = machine;
const secret = `s3cret-${randomBytes(12).toString('hex')}`;
const nodeId = 'node-1';

/** Gives its folder to another user, shows there that it lives, and ends when it is told to. */
const kServer = "trap 'exit 0' TERM; chown 1000:1000 . own own/file; chmod 700 . own; chmod 600 own/file; " +
  'cat order > seen; while :; do date >> alive; echo tick; sleep 0.2 & wait $!; done';

/** Everything that the unit takes away and the agent does not miss. */
function checkSandbox(pid, dataDir) {
  const status = Object.fromEntries(fs.readFileSync(`/proc/${pid}/status`, 'utf8').trim().split('\n').map((l) => l.split(':\t')));
  const bits = { CHOWN: 0, DAC_OVERRIDE: 1, DAC_READ_SEARCH: 2, FOWNER: 3 };
  const set = Object.values(bits).reduce((sum, bit) => sum | (1n << BigInt(bit)), 0n);
  assert.equal(BigInt(`0x${status.CapBnd}`), set);
  assert.equal(BigInt(`0x${status.CapEff}`), set);
  assert.equal(status.NoNewPrivs, '1');
  assert.equal(status.Seccomp, '2', 'no filter of system calls');
  const mounts = fs.readFileSync(`/proc/${pid}/mounts`, 'utf8').trim().split('\n').map((l) => l.split(' '));
  const writable = (place) => mounts.filter(([, at]) => at === place).at(-1)?.[3].split(',').includes('rw');
  assert.equal(writable('/'), false);
  for (const folder of [`${machine.folders}/state`, dataDir, `${machine.folders}/backups`]) assert.ok(writable(folder), folder);
}

before(async () => {
  machine.checkMachine();
  machine.install(process.env.BUILD_TREE, process.env.PREFIX, { NODE_ID: nodeId, STATS_INTERVAL: 1 }, secret);
  await systemctl('daemon-reload');
});

const hosts = [
  { kind: 'docker', image: 'control-test:latest', dataDir: `${machine.folders}/servers`, dropIn: '' },
  // As agent.env says of another DATA_DIR.
  { kind: 'podman', image: 'localhost/control-test:latest', dataDir: '/srv/games', dropIn: 'ReadWritePaths=/srv/games\n' },
];
for (const { kind, image, dataDir, dropIn } of hosts) {
  describe(`the service on ${kind}, servers in ${dataDir}`, () => {
    const id = `${kind}-server`;
    let engine;
    let panel;
    let link;
    let container;

    const ask = (action, payload, server = id) => link.command(action, server, payload).result();
    const read = async (path) => (await ask('read_file', { path })).content;

    /** The agent's process id. */
    async function running() {
      const pid = await machine.mainPid();
      assert.notEqual(pid, 0, 'the agent does not run');
      return pid;
    }

    /** Does `step`, which ends the agent, and waits until another one greets. */
    async function nextGreeting(step) {
      const mark = link.mark();
      link.lossy = true;
      await step();
      await link.waitFor((m) => m.type === 'system_info', 'greeting of the next run', 30_000, mark);
      return mark;
    }

    /** The server is the same run of the same container as ever, lives and is the agent's. */
    async function checkAdopted() {
      const now = await engine.inspect(id);
      assert.ok(now.State.Running);
      assert.deepEqual([now.Id, now.State.Pid, now.State.StartedAt], container);
      assert.equal((await ask('get_status')).status, 'running');
      const lines = (await read('alive')).length;
      await until('life of the server', async () => (await read('alive')).length > lines);
    }

    before(async () => {
      engine = new Engine(await machine.startEngine(kind));
      panel = await Panel.start({ secret });
      link = panel.link(nodeId);
      machine.configure({ PANEL_URL: panel.url, RUNTIME: `${kind}:///`, DATA_DIR: dataDir });
      fs.mkdirSync('/srv/games', { recursive: true, mode: 0o700 });
      await machine.edit(`[Service]\n${dropIn}`);
    });

    after(async () => {
      await systemctl('stop', unit);
      await panel.stop();
      await systemctl('stop', kind);
    });

    it('is started once it has said that it is ready', async () => {
      await systemctl('start', unit);
      assert.equal(await machine.property('ActiveState'), 'active');
      assert.equal(await machine.property('NRestarts'), '0');
      await link.waitFor((m) => m.type === 'system_info', 'greeting');
      checkSandbox(await running(), dataDir);
    });

    it('makes and starts a server whose folder the panel reads and writes', async () => {
      await link.command('create_server', id, { image, startup: kServer, limits: { memory: '64m', disk: '64m' } }).done(30_000);
      await ask('write_file', { path: 'order', content: 'from the panel\n' });
      await ask('write_file', { path: 'own/file', content: 'for its own user\n' });
      await link.command('start_server', id).done(30_000);
      await until('what the server wrote', async () => (await read('seen')) === 'from the panel\n');
      const { Id, State } = await engine.inspect(id);
      container = [Id, State.Pid, State.StartedAt];
      const { resources } = await link.event('resource_update', (d) => d.serverId === id && d.resources.cpu > 0, 30_000);
      assert.ok(resources.memory.usedBytes > 0 && resources.network.rx >= 0 && resources.pids > 0, JSON.stringify(resources));
    });

    it('reads, writes, moves, archives and backs up files', async () => {
      await ask('write_file', { path: 'world/level.dat', content: 'before' });
      await ask('create_archive', { path: 'world', destination: 'world.tar.zst' });
      await ask('extract_archive', { path: 'world.tar.zst', destination: 'out' });
      assert.equal(await read('out/world/level.dat'), 'before');
      await ask('rename_file', { path: 'out', newName: 'moved' });
      await ask('delete_file', { path: 'moved' });
      // The folder belongs to another user and is closed to all others; what is written there is that user's.
      assert.equal(await read('own/file'), 'for its own user\n');
      for (const file of ['own/file', 'world/level.dat']) assert.equal(fs.statSync(`${dataDir}/${id}/${file}`).uid, 1000, file);
      await link.command('create_backup', id, { backupId: 'first' }).done(30_000);
      assert.deepEqual((await ask('list_backups')).backups.map((b) => b.backupId), ['first']);
    });

    it('tells a server that the kernel ended for its memory', async () => {
      const hungry = `${kind}-hungry`;
      await link.command('create_server', hungry,
        { image, startup: 'until [ -e eat ]; do sleep 0.1; done; tail /dev/zero', limits: { memory: '16m', swap: 0 }, start: true }).done(30_000);
      await link.command('write_file', hungry, { path: 'eat', content: '' }).result(30_000);
      const end = await link.event('server_status_changed', (d) => d.serverId === hungry && d.oomKilled !== undefined, 30_000);
      assert.equal(end.reason, 'oom_killed');
      await link.command('delete_server', hungry, { removeData: true }).done(30_000);
    });

    it('leaves servers alone when it is stopped, and takes them over when it is started', async () => {
      await nextGreeting(async () => {
        await systemctl('stop', unit);
        assert.equal(await machine.property('Result'), 'success');
        assert.ok((await engine.inspect(id)).State.Running);
        await systemctl('start', unit);
      });
      await checkAdopted();
      await nextGreeting(() => systemctl('restart', unit));
      await checkAdopted();
    });

    it('is started again by systemd when it is killed', async () => {
      const pid = await running();
      await nextGreeting(() => process.kill(pid, 'SIGKILL'));
      await machine.nextRun(pid, 10_000);
      await checkAdopted();
    });

    // One engine is enough for what lasts longest.
    if (kind === 'docker') it('is started again by the watchdog when it hangs', async () => {
      // Sooner than as shipped, else as it is.
      await machine.edit(`[Service]\n${dropIn}WatchdogSec=10\n`);
      await nextGreeting(() => systemctl('restart', unit));
      const pid = await running();
      // It says often enough that it lives.
      const said = await machine.property('WatchdogTimestampMonotonic');
      await until('word that it lives', async () => (await machine.property('WatchdogTimestampMonotonic')) !== said);
      await nextGreeting(() => process.kill(pid, 'SIGSTOP'));
      await machine.nextRun(pid, 10_000);
      assert.match(await machine.journal(unit), /Watchdog timeout/);
      await checkAdopted();
    });

    it('stops the server, restores its backup and deletes it', async () => {
      const stop = link.command('stop_server', id, { timeout: 10 });
      await stop.done(30_000);
      assert.equal(stop.changes().at(-1).reason, 'stopped_gracefully');
      await ask('write_file', { path: 'world/level.dat', content: 'after' });
      await link.command('restore_backup', id, { backupId: 'first' }).done(30_000);
      assert.equal(await read('world/level.dat'), 'before');
      assert.equal(fs.statSync(`${dataDir}/${id}/own/file`).uid, 1000);
      await link.command('delete_server', id, { removeData: true }).done(30_000);
      assert.equal(await engine.inspect(id), null);
      assert.ok(!fs.existsSync(`${dataDir}/${id}`));
    });

    it('was refused nothing that it missed, and kept every promise of the protocol', async () => {
      const log = await machine.journal(unit);
      assert.doesNotMatch(log, /not permitted|Permission denied|Read-only file system|\[error\]/i);
      assert.ok(!log.includes(secret));
      assert.deepEqual(link.violations(), []);
    });
  });
}
