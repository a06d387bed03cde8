// Stop: any signal, any timeout, how it ended, and that nobody waits for anybody else's.

import assert from 'node:assert/strict';
import { it } from 'node:test';
import { target } from '../lib/target.mjs';
import { pause, slowness } from '../lib/wait.mjs';
import { programs, trapping } from '../lib/world.mjs';

const last = (command) => command.changes().at(-1);

/** `world()` gives the world that these tests share. */
export function stoppingScenarios(world) {
  it('SIGINT reaches a trap that exits 42', async () => {
    const id = await world().run('interrupt', { startup: programs.onInterrupt });
    const command = world().link.command('stop_server', id, { signal: 'SIGINT', timeout: 20 });
    await command.done();
    assert.equal(last(command).reason, 'stopped_gracefully');
    assert.equal(last(command).exitCode, 42);
    assert.equal((await world().link.status(id)).exitCode, 42);
  });

  const spellings = [['TERM', 'TERM'], ['sigterm', 'TERM'], ['Hup', 'HUP'], [15, 'TERM'], [10, 'USR1'],
    ['SIGUSR2', 'USR2'], ['SIGQUIT', 'QUIT'], ['SIGRTMIN+3', '37'], ['rtmin+3', '37']];
  for (const [signal, trapped] of spellings) {
    it(`signal ${JSON.stringify(signal)} arrives as ${trapped}`, async () => {
      const id = await world().run('signal', { startup: trapping(trapped, 9) });
      const command = world().link.command('stop_server', id, { signal, timeout: 20 });
      await command.done(25_000);
      assert.equal(last(command).reason, 'stopped_gracefully');
      assert.equal(last(command).exitCode, 9);
    });
  }

  it('without a signal the server\'s own stop signal and timeout hold', async () => {
    const id = await world().run('own-signal', { startup: programs.onInterrupt, stop: { signal: 'SIGINT', timeout: 20 } });
    const command = world().link.command('stop_server', id);
    await command.done();
    assert.equal(last(command).exitCode, 42);
    const stubborn = await world().run('own-timeout', { startup: programs.stubborn, stop: { signal: 'SIGINT', timeout: 0.4 } });
    const second = world().link.command('stop_server', stubborn, {});
    const end = await second.done();
    assert.ok(end.durationMs >= 400 && end.durationMs < 5_000 * slowness, `took ${end.durationMs} ms`);
    assert.equal(last(second).reason, 'killed_after_timeout');
  });

  it('timeout 0 kills now', async () => {
    const id = await world().run('zero');
    const command = world().link.command('stop_server', id, { timeout: 0 });
    const end = await command.done();
    assert.ok(end.durationMs < 5_000 * slowness, `took ${end.durationMs} ms`);
    assert.ok(['killed', 'killed_after_timeout'].includes(last(command).reason), last(command).reason);
    assert.equal(last(command).exitCode, 137);
  });

  it('timeout 0.7 kills after 0.7 s, not after 0 or 1', async () => {
    const id = await world().run('fraction', { startup: programs.stubborn });
    const command = world().link.command('stop_server', id, { timeout: 0.7 });
    const end = await command.done();
    assert.ok(end.durationMs >= 690, `took ${end.durationMs} ms`);
    assert.ok(end.durationMs < 700 + 4_000 * slowness, `took ${end.durationMs} ms`);
    assert.deepEqual([last(command).reason, last(command).exitCode], ['killed_after_timeout', 137]);
  });

  it('a second stop joins the first and may shorten it', async () => {
    const id = await world().run('joins', { startup: programs.stubborn });
    const first = world().link.command('stop_server', id, { timeout: 60 });
    await first.accepted();
    const second = world().link.command('stop_server', id, { timeout: 0.5 });
    const ends = await Promise.all([first.done(), second.done()]);
    for (const end of ends) assert.ok(end.durationMs < 10_000 * slowness, `took ${end.durationMs} ms`);
    const changes = world().link.changes(id).filter((c) => c.currentStatus === 'stopped');
    assert.equal(changes.length, 1, JSON.stringify(changes));
    assert.equal(changes[0].reason, 'killed_after_timeout');
  });

  it('a second stop never lengthens the first', async () => {
    const id = await world().run('joins-longer', { startup: programs.stubborn });
    const first = world().link.command('stop_server', id, { timeout: 1 });
    await first.accepted();
    const second = world().link.command('stop_server', id, { timeout: 80 });
    const ends = await Promise.all([first.done(), second.done()]);
    for (const end of ends) assert.ok(end.durationMs < 10_000 * slowness, `took ${end.durationMs} ms`);
  });

  it('kill_server overtakes a stop that waits', async () => {
    const id = await world().run('overtake', { startup: programs.stubborn });
    const stop = world().link.command('stop_server', id, { timeout: 80 });
    await stop.accepted();
    const kill = world().link.command('kill_server', id);
    await Promise.all([stop.ended(), kill.done()]);
    assert.equal((await world().link.status(id)).status, 'stopped');
  });

  it('five servers that ignore SIGTERM stop side by side while get_status of a sixth stays fast', async () => {
    const { link } = world();
    const five = await Promise.all([1, 2, 3, 4, 5].map((n) => world().run(`deaf${n}`, { startup: programs.stubborn })));
    const sixth = await world().run('bystander', { startup: programs.stubborn });
    const before = await link.status(sixth);
    const stops = five.map((id) => link.command('stop_server', id, { signal: 'SIGTERM', timeout: 4 }));
    for (const stop of stops) await stop.accepted();
    const times = [];
    let pending = true;
    const all = Promise.all(stops.map((stop) => stop.done(30_000))).finally(() => { pending = false; });
    all.catch(() => {});
    while (pending) {
      const asked = Date.now();
      const status = await link.status(sixth);
      times.push(Date.now() - asked);
      assert.equal(status.status, 'running');
      await pause(50);
    }
    const ends = await all;
    for (const end of ends) {
      assert.ok(end.durationMs >= 4_000 && end.durationMs < 4_000 + 7_000 * slowness, `a stop took ${end.durationMs} ms`);
    }
    for (const stop of stops) assert.equal(last(stop).reason, 'killed_after_timeout');
    times.sort((a, b) => a - b);
    assert.ok(times.length * slowness >= 10, `${times.length} answers`);
    assert.ok(times[Math.floor(times.length / 2)] < 250 * slowness, `median ${times[Math.floor(times.length / 2)]} ms`);
    assert.ok(times.at(-1) < 1_500 * slowness, `slowest ${times.at(-1)} ms`);
    const after = await link.status(sixth);
    assert.deepEqual([after.startedAt, after.containerId], [before.startedAt, before.containerId]);
    if (target.real) assert.equal((await target.engine.inspect(sixth)).State.Running, true);
  });
}
