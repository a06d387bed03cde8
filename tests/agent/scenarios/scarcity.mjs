// The host runs out of something: descriptors, room on the disk; its clock jumps. The agent says so,
// goes on with what it can do, and is as before once there is enough again.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import fs from 'node:fs';
import os from 'node:os';
import { it } from 'node:test';
import path from 'node:path';
import { itAsShipped, itBusily, target } from '../lib/target.mjs';
import { until } from '../lib/wait.mjs';
import { World, inWorld, programs, uniqueId } from '../lib/world.mjs';

const kFaketime = ['/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1',
  '/usr/lib/aarch64-linux-gnu/faketime/libfaketime.so.1'].find((file) => fs.existsSync(file));

/** MiB: answers that a panel does not read, and what reads them. */
const kMostHeld = 64;

/** Sets the soft limit of a running process. */
const limit = (agent, what, value) =>
  execFileSync('prlimit', ['--pid', String(agent.pid), `--${what}=${value}:`]);

/** A limit of memory on a running process, beyond which the kernel ends it. */
class MemoryGroup {
  constructor(agent, mebibytes) {
    this.pid = agent.pid;
    this.old = fs.existsSync('/sys/fs/cgroup/memory');
    const root = this.old ? '/sys/fs/cgroup/memory' : '/sys/fs/cgroup';
    if (!this.old) fs.writeFileSync(`${root}/cgroup.subtree_control`, '+memory');
    this.root = root;
    this.directory = `${root}/${agent.nodeId}`;
    fs.mkdirSync(this.directory);
    // Before the process comes: what it has is left in its old group and charged there.
    fs.writeFileSync(`${this.directory}/${this.old ? 'memory.limit_in_bytes' : 'memory.max'}`, String(mebibytes * 2 ** 20));
    fs.writeFileSync(`${this.directory}/cgroup.procs`, String(this.pid));
  }

  peak() {
    const file = ['memory.max_usage_in_bytes', 'memory.peak', 'memory.current']
      .map((name) => `${this.directory}/${name}`).find((name) => fs.existsSync(name));
    return Number(fs.readFileSync(file, 'utf8'));
  }

  leave() {
    try {
      fs.writeFileSync(`${this.root}/cgroup.procs`, String(this.pid));
    } catch (error) {
      if (error.code !== 'ESRCH') throw error;
    }
    fs.rmdirSync(this.directory);
  }
}

/** The Podman of the tests has mounts of its own, and does not see one that is made later. */
const itWithAMount = target.kind === 'podman' ? () => {} : it;

/** A file system of its own for all that an agent keeps. */
class SmallDisk {
  constructor(mebibytes) {
    this.directory = fs.mkdtempSync(path.join(os.tmpdir(), 'agent-e2e-disk-'));
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${mebibytes}m,mode=755`, 'agent-e2e', this.directory]);
    this.filler = path.join(this.directory, 'filler');
  }

  /** To the last byte. */
  fill() {
    const file = fs.openSync(this.filler, 'a');
    try {
      for (let size = 1 << 20; size > 0;) {
        try {
          if (fs.writeSync(file, Buffer.alloc(size)) < size) size >>= 1;
        } catch (error) {
          if (error.code !== 'ENOSPC') throw error;
          size >>= 1;
        }
      }
    } finally {
      fs.closeSync(file);
    }
  }

  free() {
    fs.rmSync(this.filler);
  }

  remove() {
    execFileSync('umount', ['--lazy', this.directory]);
    fs.rmdirSync(this.directory);
  }
}

export function scarcityScenarios() {
  itWithAMount('on a disk that is full to the last byte nothing is half done, and all goes on when there is room', async () => {
    const disk = new SmallDisk(24);
    const policy = path.join(disk.directory, 'policy.json');
    fs.writeFileSync(policy, JSON.stringify({ disk: { reserve: 0 } }), { mode: 0o600 });
    try {
      await inWorld({ directory: path.join(disk.directory, 'agent'), settings: { POLICY_FILE: policy } }, async (world) => {
        const { agent, link } = world;
        const id = await world.create('full-disk', { startup: programs.stubborn });
        const ask = (action, payload) => link.command(action, id, payload);
        const region = randomBytes(300_000);
        await ask('write_file', { path: 'world/level.dat', content: 'before' }).result();
        await ask('upload_file', { path: 'world/region', content: region.toString('base64'), size: region.length, offset: 0 }).result();
        await ask('create_archive', { path: 'world', destination: 'world.tar.zst' }).result(30_000);
        await ask('create_backup', { backupId: 'good' }).done(30_000);
        const tree = () => fs.readdirSync(path.join(agent.dataDir, id), { recursive: true }).sort();
        const before = tree();
        disk.fill();

        await ask('write_file', { path: 'world/level.dat', content: 'x'.repeat(100_000) }).refused('DISK_FULL');
        await ask('upload_file', { path: 'new', content: region.toString('base64'), size: region.length, offset: 0 }).refused('DISK_FULL');
        await ask('copy_file', { source: 'world', destination: 'copy' }).refused('DISK_FULL');
        await ask('create_archive', { path: 'world', destination: 'more.zip' }).refused('DISK_FULL');
        await ask('extract_archive', { path: 'world.tar.zst', destination: 'out' }).refused('DISK_FULL');
        await ask('create_backup', { backupId: 'bad' }).failed('DISK_FULL');
        await ask('restore_backup', { backupId: 'good' }).failed('DISK_FULL');
        const more = uniqueId('no-room');
        world.created.push(more);
        const create = link.command('create_server', more, World.payload());
        if ((await create.response()).success) {
          await create.done(30_000);  // the last page of the journal had room for it
          assert.equal((await link.status(more)).status, 'created');
        } else {
          await create.refused('INSUFFICIENT_RESOURCES');
        }
        assert.deepEqual(tree(), before);
        assert.equal((await ask('read_file', { path: 'world/level.dat' }).result()).content, 'before');
        assert.deepEqual((await ask('list_backups').result()).backups.map((b) => b.backupId), ['good']);

        // What players need works; and where servers outlive the agent, it comes back to them.
        await world.start(id);
        if (target.real) {
          link.lossy = true;
          await agent.kill('SIGKILL');
          const mark = link.mark();
          agent.start();
          await link.waitFor((m) => m.type === 'system_info', 'greeting of the next run', 10_000, mark);
          assert.equal((await link.status(id)).status, 'running');
        }
        await link.command('kill_server', id).done();

        disk.free();
        await ask('restore_backup', { backupId: 'good' }).done(30_000);
        await ask('create_backup', { backupId: 'second' }).done(30_000);
        assert.deepEqual(tree(), before);
        assert.equal((await ask('read_file', { path: 'world/level.dat' }).result()).content, 'before');
        await world.create('room-again');
        const kept = fs.readdirSync(path.join(agent.settings.BACKUP_DIR, id));
        assert.ok(kept.every((name) => !name.startsWith('.')), `left over: ${kept}`);
      });
    } finally {
      disk.remove();
    }
  });

  it('without room for files servers are stopped and started, and none is made', () => inWorld({}, async (world) => {
    const { agent, link } = world;
    const id = await world.run('on-a-full-disk', { startup: programs.stubborn });
    limit(agent, 'fsize', 0);
    const refused = await link.command('create_server', uniqueId('no-room'), World.payload()).refused('INSUFFICIENT_RESOURCES');
    assert.match(refused, /write it down/);
    assert.ok(!refused.includes(agent.directory), refused);
    await link.command('kill_server', id).done();
    await world.start(id);
    assert.equal((await link.status(id)).status, 'running');
    limit(agent, 'fsize', 'unlimited');
    await world.create('room-again');
    await link.command('kill_server', id).done();
  }));

  it('without descriptors it goes on, and comes back to the panel when there are some', () => inWorld({}, async (world) => {
    const { agent, link, panel } = world;
    const id = await world.run('no-descriptors', { startup: programs.stubborn });
    // Below every descriptor there is: not even one that is closed comes back.
    limit(agent, 'nofile', 3);
    assert.equal((await link.command('get_status', id).response()).success, true);
    await panel.stop();
    await panel.listen();
    await until('a failed attempt', () => /Too many open files/.test(agent.log()));
    assert.ok(agent.running);
    limit(agent, 'nofile', 1024);
    await until('connection', () => link.socket !== null, 60_000);
    assert.equal((await link.status(id)).status, 'running');
    await link.command('kill_server', id).done();
  }));

  itAsShipped('the clock of the host jumps by an hour and by ten years, either way, and nothing stops', () => {
    assert.ok(kFaketime, 'libfaketime is missing: apt-get install libfaketime');
    const file = path.join(fs.mkdtempSync('/tmp/agent-clock-'), 'now');
    const jump = (offset) => fs.writeFileSync(file, `${offset}\n`);
    jump('+0');
    const settings = {
      LD_PRELOAD: kFaketime, FAKETIME_TIMESTAMP_FILE: file, FAKETIME_NO_CACHE: '1', DONT_FAKE_MONOTONIC: '1',
      STATS_INTERVAL: '0.2',
    };
    return inWorld({ settings }, async (world) => {
      const { link } = world;
      const id = await world.run('clock', { startup: programs.stubborn });
      for (const offset of ['+3600', '-3600', '+315360000', '-315360000', '+0']) {
        jump(offset);
        const mark = link.mark();
        await link.waitFor((m) => m.type === 'event' && m.event === 'resource_update', `statistics at ${offset}`, 5_000, mark);
        await link.command('restart_server', id, { timeout: 0.1 }).done(10_000);
        assert.equal((await link.status(id)).status, 'running');
      }
      await link.command('kill_server', id).done();
    }).finally(() => fs.rmSync(path.dirname(file), { recursive: true }));
  });

  itAsShipped('a panel that asks for a thousand files and stands still is not read for without end', () => inWorld({}, async (world) => {
    const { agent, link } = world;
    const servers = [];
    for (let i = 0; i < 16; i++) servers.push(await world.create('still'));
    const last = await world.run('stopped-meanwhile', { startup: programs.stubborn });
    for (const id of servers) fs.writeFileSync(path.join(agent.dataDir, id, 'world'), 'x'.repeat(512 << 10));
    const most = () => Number(/VmHWM:\s+(\d+) kB/.exec(fs.readFileSync(`/proc/${agent.pid}/status`, 'utf8'))[1]) / 1024;
    const read = (id) => link.command('read_file', id, { path: 'world' });
    const before = most();
    link.socket.pause();
    const asked = Array.from({ length: 1024 }, (nothing, i) => read(servers[i % servers.length]));
    const kill = link.command('kill_server', last);
    // Less than what the agent gives a panel that reads nothing.
    await new Promise((resolve) => setTimeout(resolve, 4_000));
    const grown = most() - before;
    link.socket.resume();
    const responses = await Promise.all(asked.map((one) => one.response(60_000)));
    console.log(`${grown.toFixed(0)} MiB more, ${responses.filter((r) => r.success).length} files read`);
    assert.ok(grown < kMostHeld, `${grown} MiB more`);
    for (const response of responses) assert.ok(response.success || response.error.code === 'BUSY', JSON.stringify(response.error));
    await kill.done();
    assert.ok(responses.filter((r) => r.success).length > 20);
    assert.equal((await read(servers[0]).result()).size, 512 << 10);
    assert.equal(link.connections, 1);
  }));

  itBusily('in little memory it outlives a panel and a server that flood it', () => inWorld({}, async (world) => {
    const { agent, link } = world;
    const id = await world.run('flood', { startup: `while :; do echo ${'x'.repeat(100)}; done`, tty: false });
    const group = new MemoryGroup(agent, 48);
    try {
      for (let round = 0; round < 20; round++) {
        const burst = Array.from({ length: 200 }, () => link.command('get_server_logs', id, { lines: 500 }));
        for (let i = 0; i < 2_000; i++) link.socket.ping();
        link.send({ type: 'nothing', text: 'y'.repeat(900_000) });
        await Promise.all(burst.map((one) => one.response(30_000)));
      }
      assert.equal((await link.status(id)).status, 'running');
      assert.ok(agent.running && group.peak() > 0, agent.tail());
      console.log(`at most ${(group.peak() / 2 ** 20).toFixed(1)} MiB`);
      await link.command('kill_server', id).done();
    } finally {
      group.leave();
    }
  }));
}
