// What nobody asked for: crashes, full memory, taken ports, images that are nowhere.

import assert from 'node:assert/strict';
import { it } from 'node:test';
import { itOnReal, itOnMock, target } from '../lib/target.mjs';
import { until } from '../lib/wait.mjs';
import { World, programs, uniqueId } from '../lib/world.mjs';

/** Labels that script the mock engine; a real one has the real thing. */
const onMock = (labels) => (target.real ? {} : { labels });

async function startAndSee(world, id, predicate) {
  const mark = world.link.mark();
  await world.link.command('start_server', id).done();
  return world.link.event('server_status_changed', (d) => d.serverId === id && predicate(d), 20_000, mark);
}

const isOver = (d) => ['stopped', 'crashed', 'failed'].includes(d.currentStatus);

/** Restarting by policy. */
export function restartPolicyScenarios(world) {
  it('a server with a restart policy is started again after a crash, then given up', async () => {
    const { link } = world();
    const id = await world().create('policy', {
      startup: 'sleep 0.2; exit 5', restart: { policy: 'on-failure', maxRetries: 1 },
    });
    await link.command('start_server', id).done();
    const failed = await link.event('server_status_changed', (d) => d.serverId === id && d.currentStatus === 'failed', 25_000);
    assert.equal(failed.exitCode, 5);
    const states = link.changes(id).map((c) => c.currentStatus);
    assert.equal(states.filter((s) => s === 'running').length, 2, states.join(' '));
    assert.ok(states.includes('crashed'), states.join(' '));
    assert.equal((await link.status(id)).restarts, 1);
  });

  it('a server that crashes while it is stopped on request is not started again', async () => {
    const { link } = world();
    const id = await world().run('policy-stop', {
      startup: programs.onInterrupt, restart: { policy: 'always', maxRetries: 5 },
    });
    await link.command('stop_server', id, { signal: 'INT' }).done();
    const status = await link.status(id);
    assert.deepEqual([status.status, status.exitCode], ['stopped', 42]);
  });
}

/** `world()` gives the world that these tests share. */
export function outcomeScenarios(world) {
  it('a crash is told with its exit code and without anybody having asked', async () => {
    const id = await world().create('crash', { startup: programs.crash });
    const end = await startAndSee(world(), id, isOver);
    assert.equal(end.reason, 'crashed');
    assert.equal(end.exitCode, 7);
    assert.equal(end.commandId, undefined);
    assert.equal(end.oomKilled ?? false, false);
    const status = await world().link.status(id);
    assert.equal(status.exitCode, 7);
    assert.ok(!('resources' in status));
  });

  it('an end with exit code 0 is no crash', async () => {
    const id = await world().create('finish', { startup: programs.finish });
    const end = await startAndSee(world(), id, isOver);
    assert.deepEqual([end.currentStatus, end.reason, end.exitCode], ['stopped', 'exited', 0]);
  });

  it('a startup that is nothing but a shell builtin works', async () => {
    const id = await world().create('builtin', { startup: 'exit 3' });
    const end = await startAndSee(world(), id, isOver);
    assert.equal(end.exitCode, 3);
  });

  it('a server that takes more memory than it may is told apart as oom_killed', async () => {
    const id = await world().create('hungry', {
      startup: target.real ? programs.hungry : programs.stubborn, limits: { memory: '16m', swap: 0 },
      ...onMock({ 'mock.oom_after': '300ms' }),
    });
    const { link } = world();
    const mark = link.mark();
    await link.command('start_server', id).done(30_000);
    // Not before its start is over: of a cgroup that has gone nobody can ask.
    if (target.real) await link.command('write_file', id, { path: 'eat', content: '' }).result(30_000);
    const end = await link.event('server_status_changed', (d) => d.serverId === id && isOver(d), 30_000, mark);
    assert.equal(end.reason, 'oom_killed');
    assert.equal(end.oomKilled, true);
    assert.equal((await world().link.status(id)).oomKilled, true);
  });

  itOnReal('a kill from outside is a crash with a signal, not an oom and not a stop', async () => {
    const id = await world().run('outside', { startup: programs.stubborn });
    const mark = world().link.mark();
    await target.engine.kill(id);
    const end = await world().link.event('server_status_changed', (d) => d.serverId === id && isOver(d), 10_000, mark);
    assert.deepEqual([end.reason, end.exitCode, end.oomKilled ?? false], ['crashed', 137, false]);
  });

  it('two servers on one port: the second fails with PORT_CONFLICT, the first runs on', async () => {
    const { link } = world();
    const ports = [{ internal: 25565, external: target.port, protocol: 'tcp' }];
    const first = await world().run('port-a', { startup: programs.stubborn, ports });
    const second = uniqueId('port-b');
    world().created.push(second);
    const create = await link.command('create_server', second, World.payload({ startup: programs.stubborn, ports })).ended(30_000);
    if (create.success) {
      const start = link.command('start_server', second);
      await start.failed('PORT_CONFLICT');
      const failure = start.changes().find((c) => c.status === 'start_failed');
      assert.ok(failure, JSON.stringify(start.changes()));
      assert.equal(failure.code, 'PORT_CONFLICT');
      assert.ok(failure.error.includes(target.port), failure.error);
      assert.notEqual((await link.status(second)).status, 'running');
    } else {
      assert.equal(create.error.code, 'PORT_CONFLICT');
    }
    assert.equal((await link.status(first)).status, 'running');
    if (!create.success) return;
    await link.command('kill_server', first).done();
    await link.command('start_server', second).done();
    assert.equal((await link.status(second)).status, 'running');
  });

  it('a server of an image that is nowhere fails with the reason', async () => {
    const { link } = world();
    const id = uniqueId('no-image');
    world().created.push(id);
    const command = link.command('create_server', id, World.payload({ image: target.missingImage }));
    const end = await command.ended(30_000);
    assert.equal(end.success, false);
    assert.ok(['IMAGE_NOT_FOUND', 'IMAGE_PULL_FAILED'].includes(end.error.code), JSON.stringify(end));
    const failure = command.changes().find((c) => c.status === 'create_failed');
    assert.ok(failure, JSON.stringify(command.changes()));
    assert.equal(failure.currentStatus, 'failed');
    if (target.real) assert.equal(await target.engine.inspect(id), null);
  });

  itOnReal('a startup that cannot be started fails with the reason and the server is not running', async () => {
    const { link } = world();
    const id = await world().create('no-program', { startup: './not-there --flag' });
    const mark = link.mark();
    await link.command('start_server', id).ended();
    const end = await link.event('server_status_changed', (d) => d.serverId === id && isOver(d), 10_000, mark);
    assert.equal(end.exitCode, 127);
    assert.equal((await target.engine.inspect(id)).State.Running, false);
  });

  itOnMock('a start that the engine refuses is a start_failed with the engine\'s reason', async () => {
    const id = await world().create('refused', { startup: programs.stubborn, labels: { 'mock.start_error': 'no such device' } });
    const start = world().link.command('start_server', id);
    const end = await start.ended();
    assert.equal(end.success, false);
    const failure = start.changes().find((c) => c.status === 'start_failed');
    assert.match(failure.error, /no such device/);
    assert.equal(failure.reason, 'start_failed');
    assert.notEqual((await world().link.status(id)).status, 'running');
  });

  itOnReal('a container removed behind the agent\'s back is noticed', async () => {
    const { link } = world();
    const id = await world().run('removed', { startup: programs.stubborn });
    await target.engine.remove(id);
    await until('word that it is gone', async () => {
      const response = await link.command('get_status', id).response();
      return response.success ? ['deleted', 'stopped', 'failed'].includes(response.data.status)
        : ['SERVER_NOT_FOUND', 'CONTAINER_NOT_FOUND'].includes(response.error.code);
    });
    const response = await link.command('start_server', id).response();
    if (response.success) return;
    assert.ok(['SERVER_NOT_FOUND', 'CONTAINER_NOT_FOUND'].includes(response.error.code), JSON.stringify(response));
  });

  it('statistics come every STATS_INTERVAL for what runs, and for nothing else', async () => {
    const { inWorld } = await import('../lib/world.mjs');
    await inWorld({ settings: { STATS_INTERVAL: '0.5' } }, async (own) => {
      const running = await own.run('sampled', { startup: programs.stubborn });
      const idle = await own.create('not-sampled');
      const mark = own.link.mark();
      const isSample = (m) => m.event === 'resource_update' && m.data.serverId === running;
      await until('three samples', () => own.link.messages(mark).filter(isSample).length >= 3);
      for (const { data } of own.link.messages(mark).filter(isSample).slice(1)) {
        assert.ok(data.resources.memory.usedBytes > 0, JSON.stringify(data));
        assert.ok(data.resources.cpu >= 0, JSON.stringify(data));
      }
      assert.ok(!own.link.messages().some((m) => m.event === 'resource_update' && m.data.serverId === idle));
    });
  });
}
