// The older messages, both ways.

import assert from 'node:assert/strict';
import { it } from 'node:test';
import { World, inWorld, programs, uniqueId } from '../lib/world.mjs';

let lastMessage = 0;
const legacy = (type, data, extra = {}) => ({
  type, data, messageId: `m-${++lastMessage}`, timestamp: new Date().toISOString(), ...extra,
});

const statusOf = (id, status) => (m) => m.type === 'server_status' && m.data?.serverId === id && m.data.status === status;

/** `world()` gives the world that these tests share. */
export function legacyScenarios(world) {
  it('server_create, server_start, server_stop, server_restart, server_delete work as they always did', async () => {
    const { link } = world();
    const id = uniqueId('legacy');
    world().created.push(id);
    const seen = (status, mark) => link.waitFor(statusOf(id, status), `legacy status ${status}`, 30_000, mark);
    const tell = (type, data) => {
      const mark = link.mark();
      link.send(legacy(type, { serverId: id, ...data }));
      return mark;
    };
    await seen('created', tell('server_create', World.payload({ startup: programs.onInterrupt, tty: false })));
    await seen('running', tell('server_start', {}));
    await world().settled(id);
    await seen('running', tell('server_restart', { signal: 'SIGINT', timeout: 10 }));
    await world().settled(id);
    await seen('stopped', tell('server_stop', { signal: 'SIGINT', timeout: 20 }));
    assert.equal((await link.status(id)).exitCode, 42, 'the signal of server_stop was used');
    await seen('deleted', tell('server_delete', {}));
    await link.command('get_status', id).refused('SERVER_NOT_FOUND');
  });

  it('an answer to a legacy message carries its messageId', async () => {
    const { link } = world();
    const request = legacy('system_info_request', {});
    link.send(request);
    const info = await link.waitFor((m) => m.type === 'system_info' && m.messageId === request.messageId, 'system_info');
    assert.equal(info.data.nodeId, link.nodeId);
    const wrong = legacy('server_start', { serverId: 'no-such-server' });
    link.send(wrong);
    const error = await link.waitFor((m) => m.type === 'error' && m.messageId === wrong.messageId, 'error');
    assert.equal(error.data.code, 'SERVER_NOT_FOUND');
  });

  it('server_power starts, restarts, stops and kills', async () => {
    const { link } = world();
    const id = await world().create('power');
    const power = async (action, status) => {
      const mark = link.mark();
      link.send(legacy('server_power', { serverId: id, action }));
      await link.waitFor(statusOf(id, status), `legacy status ${status} after ${action}`, 15_000, mark);
    };
    await power('start', 'running');
    await world().settled(id);
    await power('restart', 'running');
    await world().settled(id);
    await power('stop', 'stopped');
    await power('start', 'running');
    await power('kill', 'stopped');
    const bad = legacy('server_power', { serverId: id, action: 'explode' });
    link.send(bad);
    const error = await link.waitFor((m) => m.type === 'error' && m.messageId === bad.messageId, 'error');
    assert.equal(error.data.code, 'INVALID_PAYLOAD');
  });

  it('server_suspend stops a server and refuses to start it until server_unsuspend', async () => {
    const { link } = world();
    const id = await world().run('suspend');
    const mark = link.mark();
    link.send(legacy('server_suspend', { serverId: id }));
    await link.waitFor(statusOf(id, 'stopped'), 'stopped', 15_000, mark);
    await link.command('start_server', id).refused('INVALID_STATE');
    link.send(legacy('server_unsuspend', { serverId: id }));
    await world().start(id);
    assert.equal((await link.status(id)).status, 'running');
  });

  it('every change is told in the legacy format as well', async () => {
    const { link } = world();
    const id = await world().run('mirror', { startup: programs.stubborn });
    await link.command('kill_server', id).done();
    await link.waitFor(statusOf(id, 'stopped'), 'legacy stopped');
    const mirrored = link.messages().filter((m) => m.type === 'server_status' && m.data.serverId === id).map((m) => m.data.status);
    for (const { status } of link.changes(id)) assert.ok(mirrored.includes(status), `${status} not in ${mirrored}`);
  });

  it('PANEL_LEGACY_EVENTS=false turns the legacy copies off', () => inWorld({
    settings: { PANEL_LEGACY_EVENTS: 'false' },
  }, async (own) => {
    const id = await own.run('no-mirror', { startup: programs.stubborn });
    await own.link.command('kill_server', id).done();
    await own.link.status(id);
    assert.ok(!own.link.messages().some((m) => m.type === 'server_status' || m.type === 'server_output'));
  }));

  it('ping is answered with pong and how the node is', async () => {
    const { link } = world();
    await world().run('pong', { startup: programs.stubborn });
    link.send({ type: 'ping', id: 'ping-7', timestamp: new Date().toISOString() });
    const pong = await link.waitFor((m) => m.type === 'pong' && m.id === 'ping-7', 'pong');
    assert.equal(typeof pong.data.agentStatus, 'string');
    assert.ok(pong.data.activeServers >= 1);
    for (const key of ['cpu', 'memory', 'disk']) {
      const value = pong.data.systemLoad[key];
      assert.ok(typeof value === 'number' && value >= 0 && value <= 100, `${key}: ${JSON.stringify(pong)}`);
    }
  });
}
