// The integration document's own scenarios, to the letter, and the greeting.

import assert from 'node:assert/strict';
import { it } from 'node:test';
import { target } from '../lib/target.mjs';
import { until } from '../lib/wait.mjs';
import { World, inWorld, programs } from '../lib/world.mjs';

const without = (message, ...keys) => Object.fromEntries(Object.entries(message).filter(([k]) => !keys.includes(k)));

export function documentScenarios() {
  it('plays the three message scenarios of the document to the letter', () => inWorld({}, async (world) => {
    const { link } = world;
    // The document's own server id; it does not run on an engine that other runs share.
    const id = target.real ? await world.create('456') : 'server_456';
    if (!target.real) {
      await link.command('create_server', id, World.payload()).done();
    }

    // 1. Start server command
    const start = link.send({ id: 'cmd_123', type: 'command', action: 'start_server', serverId: id });
    assert.deepEqual(without(await start.response(), 'timestamp'), {
      id: 'cmd_123', type: 'response', success: true, message: 'start_server command received',
      data: { serverId: id, status: 'starting' },
    });
    const running = await link.event('server_status_changed', (d) => d.serverId === id && d.currentStatus === 'running');
    assert.equal(running.commandId, 'cmd_123');
    assert.equal(running.status, 'running');
    await world.settled(id);

    // 2. Stop server with signal
    const stop = link.send({
      id: 'cmd_124', type: 'command', action: 'stop_server', serverId: id, payload: { signal: 'SIGTERM', timeout: 30 },
    });
    assert.deepEqual(without(await stop.response(), 'timestamp'), {
      id: 'cmd_124', type: 'response', success: true, message: 'stop_server command received',
      data: { serverId: id, status: 'stopping' },
    });
    const stopped = await link.event('server_status_changed', (d) => d.serverId === id && d.currentStatus === 'stopped');
    assert.equal(stopped.commandId, 'cmd_124');
    assert.equal(stopped.reason, 'stopped_gracefully');
    assert.equal(stopped.exitCode, 0);

    // 3. Error handling
    const invalid = link.send({ id: 'cmd_125', type: 'command', action: 'invalid_action', serverId: id });
    assert.deepEqual(without(await invalid.response(), 'timestamp'), {
      id: 'cmd_125', type: 'response', success: false,
      error: { code: 'UNKNOWN_ACTION', message: 'Unknown action: invalid_action' },
    });
  }));

  it('names itself in the headers and in the query, and never tells the secret in the URL', () => inWorld({
    settings: { NODE_ID: 'node-1&x=/y?%20' }, connect: false,
  }, async (world) => {
    const { panel } = world;
    await until('connection', () => panel.attempts.length > 0);
    const { headers, url } = panel.attempts[0];
    assert.equal(headers.authorization, `Bearer ${world.secret}`);
    assert.match(headers['user-agent'], /^ctrl-alt-play-agent\/\d+\.\d+/);
    assert.equal(headers['x-node-id'], 'node-1&x=/y?%20');
    const query = new URL(url, 'ws://panel').searchParams;
    assert.equal(query.get('nodeId'), 'node-1&x=/y?%20');
    assert.ok(!url.includes(world.secret));
  }));

  it('appends the node id to a query that is there, or leaves it out when told so', async () => {
    await inWorld({ args: [] }, async (world) => {
      const { panel, agent, link } = world;
      await agent.stop();
      agent.settings.PANEL_URL = `${panel.url}/agents?token=a%20b`;
      agent.start();
      await world.greeted(2);
      assert.equal(panel.attempts.at(-1).url, `/agents?token=a%20b&nodeId=${agent.nodeId}`);
      await agent.stop();
      agent.settings.PANEL_NODE_ID_IN_QUERY = 'false';
      agent.start();
      await world.greeted(3);
      assert.equal(panel.attempts.at(-1).url, '/agents?token=a%20b');
      link.lossy = true;
    });
  });

  it('greets with system_info, then one server_status a known server, then the rest', () => inWorld({}, async (world) => {
    const { link } = world;
    const mine = [await world.run('greet-a', { startup: programs.stubborn }), await world.create('greet-b')];
    link.lossy = true;
    const mark = link.mark();
    link.socket.close(1001);
    await until('second greeting', () => link.connections === 2 && link.socket);
    const last = await link.status(mine[0]);
    assert.equal(last.status, 'running');
    const after = link.messages(mark);
    assert.equal(after[0].type, 'system_info');
    const greeting = [];
    for (const m of after.slice(1)) {
      if (m.event !== 'server_status' && m.type !== 'server_status') break;
      if (m.event === 'server_status') greeting.push(m.data);
    }
    const states = Object.fromEntries(greeting.filter((d) => mine.includes(d.serverId)).map((d) => [d.serverId, d.status]));
    assert.deepEqual(states, { [mine[0]]: 'running', [mine[1]]: 'created' });
    assert.equal(new Set(greeting.map((d) => d.serverId)).size, greeting.length, 'one server_status a server');
  }));

  it('describes this host truly in system_info', () => inWorld({}, async ({ link, agent }) => {
    const os = await import('node:os');
    const { data } = link.messages().find((m) => m.type === 'system_info');
    assert.equal(data.nodeId, agent.nodeId);
    assert.equal(data.memory, os.totalmem());
    assert.equal(data.totalMemory, os.totalmem());
    assert.ok(data.freeMemory > 0 && data.freeMemory < os.totalmem());
    assert.equal(data.cpuCount, os.cpus().length);
    assert.match(data.cpu, new RegExp(`\\b${os.cpus().length}\\b`));
    assert.equal(data.platform, 'linux');
    assert.equal(typeof data.os, 'string');
    assert.ok(['x86_64', 'x64', 'amd64', 'aarch64', 'arm64'].includes(data.arch), data.arch);
    assert.ok(Math.abs(data.uptime - os.uptime()) < 60, `${data.uptime} against ${os.uptime()}`);
    assert.ok(data.totalDisk > 0 && data.freeDisk > 0 && data.freeDisk <= data.totalDisk);
    assert.ok(Array.isArray(data.capabilities) && data.capabilities.length > 0);
    const addresses = Object.values(os.networkInterfaces()).flat().map((a) => a.address);
    for (const [name, address] of Object.entries(data.networks)) {
      assert.ok(os.networkInterfaces()[name], `no interface ${name}`);
      assert.ok(addresses.includes(address), `no address ${address}`);
    }
    assert.match(data.agentVersion, /^\d+\.\d+/);
    assert.equal(typeof data.bootId, 'string');
    // An engine that is slow to say who it is does not keep the agent from its panel.
    const { runtime, dockerVersion } = await until('word of the engine', async () => {
      const told = await link.command('get_system_info').result();
      return told.runtime && told;
    });
    assert.equal(runtime.name, target.kind);
    assert.match(runtime.version, /^\d+\.\d+/);
    if (target.real) {
      const version = await target.engine.request('GET', '/version');
      assert.equal(dockerVersion, target.kind === 'docker' ? version.Version : undefined);
      assert.equal(runtime.version, version.Version);
      assert.match(runtime.apiVersion, /^\d+(\.\d+)+$/);
    }
  }));
}
