// Every action of the protocol: what it answers, what it does, which events follow.

import assert from 'node:assert/strict';
import { it } from 'node:test';
import fs from 'node:fs';
import path from 'node:path';
import { itOnReal, target } from '../lib/target.mjs';
import { slowness, until } from '../lib/wait.mjs';
import { World, programs, trapping, uniqueId } from '../lib/world.mjs';

const states = (changes) => changes.map((c) => c.currentStatus);

function checkResources({ resources }) {
  assert.equal(typeof resources, 'object');
  assert.ok(resources.cpu >= 0, JSON.stringify(resources));
  const { memory } = resources;
  assert.ok(memory.usedBytes > 0 && memory.usedBytes < memory.limitBytes, JSON.stringify(memory));
  assert.match(memory.used, /^\d+(\.\d+)?[bkmg]$/);
  assert.match(memory.available, /^\d+(\.\d+)?[bkmg]$/);
  assert.ok(Math.abs(memory.percentage - 100 * memory.usedBytes / memory.limitBytes) < 1, JSON.stringify(memory));
}

/** `world()` gives the world that these tests share. */
export function actionScenarios(world) {
  it('create_server makes a container with the protocol\'s name, labels and guards', async () => {
    const { link } = world();
    const id = uniqueId('create');
    world().created.push(id);
    const command = link.command('create_server', id, World.payload({
      startup: 'printenv GREETING > greeting; sleep 1000', environment: { GREETING: 'hello', NUMBER: 5, FLAG: true },
      limits: { memory: 64 << 20, cpu: 50, pids: 64, swap: 0, disk: '5g', io: 500 }, labels: { team: 'blue' }, tty: false,
    }));
    assert.deepEqual(await command.accepted(), { serverId: id, status: 'creating' });
    await command.done(30_000);
    assert.equal(command.changes().at(-1).currentStatus, 'created');
    const status = await link.status(id);
    assert.equal(status.status, 'created');
    assert.equal(status.image, target.image);
    assert.ok(!('resources' in status), 'a server that does not run uses nothing');
    assert.ok(fs.statSync(path.join(world().agent.dataDir, id)).isDirectory());
    if (!target.real) return;
    const made = await target.engine.inspect(id);
    assert.equal(made.Id, status.containerId);
    assert.equal(made.Config.Labels['ctrl-alt-play.managed'], 'true');
    assert.equal(made.Config.Labels['ctrl-alt-play.server-id'], id);
    assert.equal(made.Config.Labels.team, 'blue');
    assert.equal(made.Config.WorkingDir, '/home/container');
    assert.equal(made.Config.Tty, false);
    for (const entry of ['GREETING=hello', 'NUMBER=5', 'FLAG=true']) assert.ok(made.Config.Env.includes(entry), entry);
    const host = made.HostConfig;
    assert.equal(host.Memory, 64 << 20);
    assert.equal(host.MemorySwap, 64 << 20);
    assert.equal(host.NanoCpus || host.CpuQuota / host.CpuPeriod * 1e9, 5e8);
    assert.equal(host.PidsLimit, 64);
    assert.equal(host.Privileged, false);
    assert.ok(host.SecurityOpt.some((o) => o.startsWith('no-new-privileges')), JSON.stringify(host.SecurityOpt));
    // Podman tells which of its own defaults "ALL" took away and was not given back.
    if (target.kind === 'docker') assert.deepEqual(host.CapDrop, ['ALL']);
    else assert.ok(host.CapDrop.includes('NET_RAW') && !host.CapDrop.includes('CHOWN'), host.CapDrop.join());
    assert.equal(host.LogConfig.Type, target.kind === 'docker' ? 'local' : 'json-file');  // Podman's word for its own k8s-file
    assert.ok(['', 'no'].includes(host.RestartPolicy.Name));
    assert.deepEqual(made.Mounts.map((m) => [m.Destination, m.Source]),
      [['/home/container', path.join(world().agent.dataDir, id)]]);
  });

  it('create_server limits processes to 512 and swap to none when the panel asks for nothing', async () => {
    const id = await world().create('defaults');
    if (!target.real) return;
    const { HostConfig, Config } = await target.engine.inspect(id);
    assert.equal(HostConfig.PidsLimit, 512);
    assert.equal(HostConfig.MemorySwap, HostConfig.Memory);
    assert.equal(Config.Tty, true);
  });

  it('create_server takes small memory figures as MiB, sizes with units, ports as an object', async () => {
    const id = await world().create('mib', { limits: { memory: 48, cpu: '1.5' }, ports: { 25565: 0 + 45_911, '7777/udp': 45_912 } });
    if (!target.real) return;
    const { HostConfig } = await target.engine.inspect(id);
    assert.equal(HostConfig.Memory, 48 << 20);
    assert.equal(HostConfig.NanoCpus || HostConfig.CpuQuota / HostConfig.CpuPeriod * 1e9, 1.5e9);
    assert.equal(HostConfig.PortBindings['25565/tcp'][0].HostPort, '45911');
    assert.equal(HostConfig.PortBindings['7777/udp'][0].HostPort, '45912');
  });

  it('create_server takes an eggConfig around it and starts the server when asked to', async () => {
    const { link } = world();
    const id = uniqueId('egg');
    world().created.push(id);
    const command = link.command('create_server', id, {
      eggConfig: World.payload({ startup: programs.stubborn, start: true }),
    });
    await command.done(30_000);
    await link.event('server_status_changed', (d) => d.serverId === id && d.currentStatus === 'running');
    assert.equal((await link.status(id)).status, 'running');
  });

  it('create_server of a server that exists is refused and leaves it as it is', async () => {
    const { link } = world();
    const id = await world().run('exists', { startup: programs.stubborn });
    const before = await link.status(id);
    const message = await link.command('create_server', id, World.payload({ startup: 'sleep 5' })).refused('SERVER_EXISTS');
    assert.match(message, new RegExp(id));
    const after = await link.status(id);
    assert.equal(after.containerId, before.containerId);
    assert.equal(after.startedAt, before.startedAt);
  });

  it('start_server ends in running, with the container and its process', async () => {
    const { link } = world();
    const id = await world().create('start', { startup: programs.stubborn });
    const command = await world().start(id);
    const changes = command.changes();
    assert.equal(changes[0].previousStatus, 'created');
    assert.equal(changes.at(-1).currentStatus, 'running');
    const status = await link.status(id);
    assert.equal(changes.at(-1).containerId, status.containerId);
    assert.ok(changes.at(-1).pid > 0);
    if (target.real) assert.equal((await target.engine.inspect(id)).State.Pid, changes.at(-1).pid);
  });

  it('start_server of a running server and stop_server of a stopped one succeed and change nothing', async () => {
    const { link } = world();
    const id = await world().run('idempotent', { startup: programs.stubborn });
    const before = await link.status(id);
    await link.command('start_server', id).done();
    assert.equal((await link.status(id)).startedAt, before.startedAt);
    await link.command('kill_server', id).done();
    await link.command('stop_server', id).done();
    assert.equal((await link.status(id)).status, 'stopped');
  });

  it('stop_server reports a graceful end with its exit code, long before the timeout', async () => {
    const { link } = world();
    const id = await world().run('graceful');
    const command = link.command('stop_server', id, { signal: 'SIGTERM', timeout: 30 });
    const end = await command.done();
    assert.ok(end.durationMs < 5_000 * slowness, `took ${end.durationMs} ms`);
    assert.deepEqual(states(command.changes()), ['stopping', 'stopped']);
    const last = command.changes().at(-1);
    assert.equal(last.reason, 'stopped_gracefully');
    assert.equal(last.exitCode, 0);
    const status = await link.status(id);
    assert.equal(status.status, 'stopped');
    assert.equal(status.exitCode, 0);
    assert.equal(status.oomKilled, false);
    if (target.real) assert.equal((await target.engine.inspect(id)).State.Running, false);
  });

  it('restart_server gives a new run of the same server', async () => {
    const { link } = world();
    const id = await world().run('restart');
    const before = await link.status(id);
    const command = link.command('restart_server', id, { timeout: 10 });
    await command.done();
    const after = await link.status(id);
    assert.equal(after.status, 'running');
    assert.ok(Date.parse(after.startedAt) > Date.parse(before.startedAt));
    assert.equal(command.changes().at(-1).currentStatus, 'running');
    assert.ok(states(command.changes()).some((s) => s === 'restarting' || s === 'stopping'));
    if (target.real) await world().settled(id);
  });

  it('restart_server of a server that ignores the signal kills it after the timeout', async () => {
    const { link } = world();
    const id = await world().run('restart-stubborn', { startup: programs.stubborn, stop: { timeout: 120 } });
    const before = await link.status(id);
    const end = await link.command('restart_server', id, { timeout: 0.5 }).done();
    assert.ok(end.durationMs >= 500 && end.durationMs < 8_000 * slowness, `took ${end.durationMs} ms`);
    assert.notEqual((await link.status(id)).startedAt, before.startedAt);
  });

  it('kill_server ends a server at once and says killed', async () => {
    const { link } = world();
    const id = await world().run('kill');
    const command = link.command('kill_server', id);
    await command.done();
    const last = command.changes().at(-1);
    assert.equal(last.currentStatus, 'stopped');
    assert.equal(last.reason, 'killed');
    assert.equal(last.exitCode, 137);
    assert.equal(last.oomKilled ?? false, false);
  });

  it('delete_server removes the container and keeps the files', async () => {
    const { link, agent } = world();
    const id = await world().run('delete', { startup: programs.stubborn, stop: { signal: 'SIGTERM', timeout: 0.3 } });
    const file = path.join(agent.dataDir, id, 'world.dat');
    fs.writeFileSync(file, 'precious');
    const command = link.command('delete_server', id);
    await command.done(20_000);
    assert.equal(command.changes().at(-1).currentStatus, 'deleted');
    await link.command('get_status', id).refused('SERVER_NOT_FOUND');
    assert.equal(fs.readFileSync(file, 'utf8'), 'precious');
    if (target.real) assert.equal(await target.engine.inspect(id), null);
  });

  it('delete_server with removeData removes the server\'s files and nothing that they point to', async () => {
    const { link, agent } = world();
    const id = await world().create('purge');
    const outside = path.join(agent.directory, `outside-${id}`);
    fs.mkdirSync(path.join(outside, 'deep'), { recursive: true });
    fs.writeFileSync(path.join(outside, 'deep', 'file'), 'not yours');
    const home = path.join(agent.dataDir, id);
    fs.mkdirSync(path.join(home, 'a', 'b'), { recursive: true });
    fs.writeFileSync(path.join(home, 'a', 'b', 'c'), 'x');
    fs.symlinkSync(outside, path.join(home, 'a', 'link'));
    fs.symlinkSync(path.join(outside, 'deep', 'file'), path.join(home, 'link'));
    await link.command('delete_server', id, { removeData: true }).done(20_000);
    assert.equal(fs.existsSync(home), false);
    assert.equal(fs.readFileSync(path.join(outside, 'deep', 'file'), 'utf8'), 'not yours');
  });

  it('a server can be created again after it was deleted', async () => {
    const { link } = world();
    const id = await world().run('phoenix', { startup: programs.stubborn, stop: { timeout: 0 } });
    const before = await link.status(id);
    await link.command('delete_server', id).done(20_000);
    await link.command('create_server', id, World.payload()).done(30_000);
    const after = await link.status(id);
    assert.equal(after.status, 'created');
    assert.notEqual(after.containerId, before.containerId);
  });

  it('update_server changes the limits of a running server at once', async () => {
    const { link } = world();
    const id = await world().run('update', { startup: programs.stubborn });
    const before = await link.status(id);
    await link.command('update_server', id, { limits: { memory: '96m', cpu: 80 } }).done();
    const after = await link.status(id);
    assert.equal(after.startedAt, before.startedAt);
    await until('new memory limit', async () => (await link.status(id)).resources.memory.limitBytes === 96 << 20);
    // Podman changes the cgroup and goes on telling what the container was made with.
    if (target.kind === 'docker') assert.equal((await target.engine.inspect(id)).HostConfig.Memory, 96 << 20);
  });

  it('update_server changes environment and startup at the next start', async () => {
    const { link, agent } = world();
    const id = await world().run('respec', { startup: trapping('TERM', 3), environment: { GREETING: 'old' } });
    await link.command('update_server', id, {
      environment: { GREETING: 'new' },
      startup: target.real ? `echo {{GREETING}} > said; ${trapping('TERM', 4)}` : trapping('TERM', 4),
    }).done();
    await link.command('restart_server', id).done(30_000);
    await world().settled(id);
    const stop = link.command('stop_server', id);
    await stop.done();
    assert.equal(stop.changes().at(-1).exitCode, 4);
    if (target.real) assert.equal(fs.readFileSync(path.join(agent.dataDir, id, 'said'), 'utf8'), 'new\n');
  });

  for (const action of ['get_status', 'get_server_status']) {
    it(`${action} gives the whole status, and an event with the same after it`, async () => {
      const { link } = world();
      const id = await world().run(action.replaceAll('_', '-'), { startup: programs.stubborn });
      // The share of a processor needs two measurements, and none is taken oftener than each second.
      await until('share of a processor', async () => (await link.status(id)).resources?.cpu !== undefined);
      const mark = link.mark();
      const data = await link.command(action, id).result();
      assert.equal(data.serverId, id);
      assert.equal(data.status, 'running');
      assert.equal(data.image, target.image);
      assert.match(data.containerId, /^[0-9a-z]+/);
      assert.ok(data.uptime > 0 && data.uptime < 60, `uptime ${data.uptime}`);
      assert.ok(Math.abs(Date.now() - Date.parse(data.startedAt) - data.uptime * 1000) < 3_000, JSON.stringify(data));
      assert.equal(data.restarts, 0);
      assert.equal(data.exitCode, null);
      assert.equal(data.oomKilled, false);
      checkResources(data);
      const event = await link.event('server_status', (d) => d.serverId === id, 5_000, mark);
      assert.equal(event.status, 'running');
      assert.equal(event.containerId, data.containerId);
    });
  }

  it('get_server_metrics measures a server that runs', async () => {
    const { link } = world();
    const id = await world().run('metrics', { startup: programs.stubborn });
    await until('measurement', async () => {
      const data = await link.command('get_server_metrics', id).result();
      assert.equal(data.serverId, id);
      if (data.resources?.cpu === undefined) return false;
      checkResources(data);
      return true;
    });
  });

  it('list_servers lists them with their states', async () => {
    const { link } = world();
    const running = await world().run('listed-a', { startup: programs.stubborn });
    const created = await world().create('listed-b');
    const { servers } = await link.command('list_servers').result();
    const listed = new Map(servers.map((s) => [s.serverId, s.status]));
    assert.equal(listed.get(running), 'running');
    assert.equal(listed.get(created), 'created');
    assert.equal(listed.size, servers.length);
  });

  it('get_system_info answers what the greeting said', async () => {
    const { link } = world();
    const greeting = link.messages().find((m) => m.type === 'system_info').data;
    const data = await link.command('get_system_info').result();
    for (const key of ['nodeId', 'os', 'arch', 'memory', 'cpu', 'agentVersion', 'bootId', 'cpuCount']) {
      assert.deepEqual(data[key], greeting[key], key);
    }
  });

  it('get_system_metrics answers figures of this host', async () => {
    const data = await world().link.command('get_system_metrics').result();
    assert.ok(Object.keys(data).length > 0);
    assert.ok(/cpu/i.test(JSON.stringify(data)) && /memory/i.test(JSON.stringify(data)), JSON.stringify(data));
  });

  it('pull_image of what cannot be had fails with its reason', async () => {
    const { link } = world();
    const command = link.command('pull_image', undefined, { image: target.missingImage });
    const end = await command.ended(20_000);
    assert.equal(end.success, false);
    assert.ok(['IMAGE_NOT_FOUND', 'IMAGE_PULL_FAILED'].includes(end.error.code), JSON.stringify(end));
  });

  it('a server without a container action says which server it does not know', async () => {
    const { link } = world();
    for (const action of ['start_server', 'stop_server', 'restart_server', 'kill_server', 'delete_server',
      'update_server', 'get_status', 'get_server_status', 'get_server_metrics']) {
      const message = await link.command(action, 'no-such-server', {}).refused('SERVER_NOT_FOUND');
      assert.match(message, /no-such-server/);
    }
  });

  it('takes serverId from the payload as well', async () => {
    const { link } = world();
    const id = await world().create('in-payload');
    assert.equal((await link.command('get_status', undefined, { serverId: id }).result()).serverId, id);
  });

  it('commands for one server take effect in the order they came', async () => {
    const { link } = world();
    const id = uniqueId('order');
    world().created.push(id);
    const sent = [
      link.command('create_server', id, World.payload({ startup: programs.stubborn, stop: { timeout: 0 } })),
      link.command('start_server', id),
      link.command('restart_server', id, { timeout: 0 }),
      link.command('update_server', id, { limits: { memory: '80m' } }),
    ];
    for (const command of sent) await command.done(30_000);
    await link.command('delete_server', id).done(20_000);
    const ends = link.messages().filter((m) => m.event === 'command_completed' && m.data.serverId === id);
    assert.deepEqual(ends.map((m) => m.data.action),
      ['create_server', 'start_server', 'restart_server', 'update_server', 'delete_server']);
    assert.equal(link.changes(id).at(-1).currentStatus, 'deleted');
  });

  it('startup fills in variables as one word each and never runs what they hold', async () => {
    const { agent } = world();
    const hostile = "a  b'; touch pwned; echo $(touch pwned) `touch pwned` \"{{OTHER}}";
    const id = await world().run('template', {
      startup: target.real ? `printf %s {{TEXT}} > said; printf %s {{ABSENT}} > absent; ${trapping('TERM', 0)}`
        : trapping('TERM', 0),
      environment: { TEXT: hostile, OTHER: 'scanned again' },
    });
    if (!target.real) return;
    const home = path.join(agent.dataDir, id);
    assert.equal(fs.readFileSync(path.join(home, 'said'), 'utf8'), hostile);
    assert.equal(fs.readFileSync(path.join(home, 'absent'), 'utf8'), '{{ABSENT}}');
    assert.equal(fs.existsSync(path.join(home, 'pwned')), false);
  });

  itOnReal('a simple startup command is process 1 itself, a list keeps the shell', async () => {
    // A container that has started may be the OCI runtime's still, for a moment.
    const commandOf = async (id) => {
      const { Pid } = (await target.engine.inspect(id)).State;
      return until('a command of its own', () => {
        const words = fs.readFileSync(`/proc/${Pid}/cmdline`, 'utf8').split('\0');
        return words[1] !== 'init' && words.join(' ').trim();
      });
    };
    const simple = await world().run('exec', { startup: programs.stubborn });
    assert.equal(await commandOf(simple), 'sleep 1000');
    const list = await world().run('list', { startup: 'sleep 0; sleep 1000; true' });
    assert.match(await commandOf(list), /^(\S+\/)?sh /);
  });
}
