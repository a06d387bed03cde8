// The agent as a process: it ends, is killed, comes back; the panel goes and comes back.

import assert from 'node:assert/strict';
import { it } from 'node:test';
import { Panel } from '../lib/panel.mjs';
import { itOnReal, target } from '../lib/target.mjs';
import { pause, slowness, until } from '../lib/wait.mjs';
import { World, inWorld, programs, uniqueId } from '../lib/world.mjs';

/** Starts the agent again, with the directories it had. */
async function again({ agent, link }) {
  const mark = link.mark();
  agent.start();
  await link.waitFor((m) => m.type === 'system_info', 'greeting of the next run', 10_000, mark);
  return mark;
}

export function processScenarios() {
  it('SIGTERM ends the agent with a goodbye and exit code 0, and leaves the servers alone', () => inWorld({}, async (world) => {
    const { agent, link } = world;
    const id = await world.run('untouched', { startup: programs.stubborn });
    const before = target.real && await target.engine.inspect(id);
    link.lossy = true;
    const asked = Date.now();
    await agent.stop();
    assert.ok(Date.now() - asked < 4_000 * slowness, `took ${Date.now() - asked} ms`);
    await until('close', () => link.closes.length === 1);
    assert.equal(link.closes[0], 1001);
    if (!target.real) return;
    const after = await target.engine.inspect(id);
    assert.deepEqual([after.State.Pid, after.State.StartedAt], [before.State.Pid, before.State.StartedAt]);
  }));

  for (const [how, signal] of [['a restart', 'SIGTERM'], ['kill -9', 'SIGKILL']]) {
    itOnReal(`${how} of the agent does not touch a server, and the next run adopts it`, async () => {
      await inWorld({}, async (world) => {
        const { agent, link } = world;
        const id = await world.run('adopted');
        const over = await world.run('ends-meanwhile', { startup: programs.onInterrupt });
        const before = await target.engine.inspect(id);
        link.lossy = true;
        await agent.kill(signal);
        await target.engine.kill(over, 'INT');
        await until('its end', async () => !(await target.engine.inspect(over)).State.Running);
        const mark = await again(world);
        const greeting = await link.event('server_status', (d) => d.serverId === id, 5_000, mark);
        assert.equal(greeting.status, 'running');
        const status = await link.status(id);
        const after = await target.engine.inspect(id);
        assert.deepEqual([after.State.Pid, after.State.StartedAt], [before.State.Pid, before.State.StartedAt]);
        assert.equal(Date.parse(status.startedAt), Date.parse(before.State.StartedAt));
        assert.equal(status.image, target.image);
        const ended = await link.status(over);
        assert.ok(['stopped', 'crashed', 'failed'].includes(ended.status), ended.status);
        assert.equal(ended.exitCode, 42);
        // What it adopted it can stop, and knows how it ended.
        const stop = link.command('stop_server', id, { timeout: 20 });
        await stop.done();
        assert.equal(stop.changes().at(-1).reason, 'stopped_gracefully');
      });
    });
  }

  itOnReal('kill -9 in the middle of a stop leaves a server that the next run can stop', async () => {
    await inWorld({}, async (world) => {
      const { agent, link } = world;
      const id = await world.run('half-stopped', { startup: programs.stubborn });
      const stop = link.command('stop_server', id, { timeout: 60 });
      await stop.accepted();
      link.lossy = true;
      await agent.kill('SIGKILL');
      await again(world);
      assert.equal((await target.engine.inspect(id)).State.Running, true);
      await link.command('stop_server', id, { timeout: 0.3 }).done();
      assert.equal((await target.engine.inspect(id)).State.Running, false);
    });
  });

  it('each run has a bootId of its own and counts its events from one on', () => inWorld({}, async (world) => {
    const { agent, link } = world;
    const id = await world.create('boot');
    await link.status(id);
    await agent.stop();
    await again(world);
    if (target.real) await link.status(id);
    const boots = link.messages().filter((m) => m.type === 'system_info').map((m) => m.data.bootId);
    assert.equal(new Set(boots).size, 2);
    for (const run of link.runs()) {
      // What was numbered before the connection stood is told after the greeting.
      const numbers = run.filter((m) => m.type === 'event').map((m) => m.seq).sort((a, b) => a - b);
      numbers.forEach((number, i) => assert.equal(number, i + 1));
    }
  }));

  it('a panel that restarts has its agent back within seconds, and its servers as they were', () => inWorld({}, async (world) => {
    const { link, panel } = world;
    const id = await world.run('panel-restart', { startup: programs.stubborn });
    const before = await link.status(id);
    const slow = await world.run('stops-meanwhile', { startup: programs.stubborn });
    const stop = link.command('stop_server', slow, { timeout: 1 });
    await stop.accepted();
    await panel.stop();
    await pause(2_500);
    const mark = link.mark();
    await panel.listen();
    const back = Date.now();
    await world.greeted(2, 8_000);
    assert.ok(Date.now() - back < 8_000 * slowness);
    const greeting = await link.event('server_status', (d) => d.serverId === id, 5_000, mark);
    assert.equal(greeting.status, 'running');
    const after = await link.status(id);
    assert.deepEqual([after.startedAt, after.containerId], [before.startedAt, before.containerId]);
    const boots = new Set(link.messages().filter((m) => m.type === 'system_info').map((m) => m.data.bootId));
    assert.equal(boots.size, 1, 'it is the same run of the agent');
    // What happened meanwhile is told after the greeting, once.
    await stop.done();
    assert.equal(stop.changes().at(-1).reason, 'killed_after_timeout');
    const said = link.messages().filter((m) => m.event === 'command_completed' && m.data.commandId === stop.id);
    assert.equal(said.length, 1);
    // A command that the panel repeats because it saw no answer is not executed again.
    link.send(stop.message);
    const repeated = await link.waitFor((m) => m.type === 'response' && m.id === stop.id, 'answer', 5_000, mark);
    assert.equal(repeated.data.status, 'stopping');
  }));

  it('a panel that says goodbye, or closes with any code, has its agent back', () => inWorld({}, async (world) => {
    const { link } = world;
    link.lossy = true;
    let expected = 1;
    for (const code of [1000, 1001, 1008, 1012, 4001]) {
      link.socket.close(code);
      expected += 1;
      await world.greeted(expected, 35_000);
    }
  }));

  it('a minute without a panel: it keeps trying, keeps the servers, and tells afterwards what happened', () => inWorld({}, async (world) => {
    const { agent, link, panel } = world;
    const id = await world.run('lonely', { startup: programs.stubborn });
    const mortal = await world.create('mortal', { startup: 'sleep 4; exit 7' });
    const before = await link.status(id);
    await link.command('start_server', mortal).done();
    await panel.stop();
    await until('degraded health', async () => (await agent.health()).code === 503);
    await pause(60_000);
    assert.ok(agent.running);
    const mark = link.mark();
    await panel.listen();
    await world.greeted(2, 40_000);
    const after = await link.status(id);
    assert.deepEqual([after.status, after.startedAt], ['running', before.startedAt]);
    const crash = await link.event('server_status_changed', (d) => d.serverId === mortal && d.exitCode === 7, 5_000, mark);
    assert.equal(crash.reason, 'crashed');
    const first = link.messages(mark)[0];
    assert.equal(first.type, 'system_info');
    await until('healthy', async () => (await agent.health()).code === 200);
  }));

  it('a wrong secret: loud in log and health, tried again, and never told', async () => {
    const panel = await Panel.start({ secret: 'what-the-panel-wants' });
    const secret = 'what-the-agent-has-and-tells-nobody';
    const { Agent } = await import('../lib/agent.mjs');
    const agent = new Agent({
      nodeId: uniqueId('wrong'),
      settings: { PANEL_URL: panel.url, AGENT_SECRET: secret, RUNTIME: target.runtime },
    });
    try {
      agent.start();
      await until('refused attempt', () => panel.attempts.length >= 1);
      assert.equal(panel.attempts[0].status, 401);
      const health = await until('health', async () => {
        const answer = await agent.health();
        return answer.reasons?.some((r) => /401|secret|unauthori[sz]ed/i.test(r)) && answer;
      });
      assert.equal(health.code, 503);
      assert.equal(health.connected, false);
      await until('word in the log', () => /401/.test(agent.log()));
      panel.secret = secret;
      await until('second attempt', () => panel.link(agent.nodeId).connections === 1, 45_000, 200);
      assert.equal(panel.attempts.length, 2, 'it did not hammer');
      await until('healthy', async () => (await agent.health()).code === 200);
      await agent.stop();
      assert.ok(!agent.output.includes(secret));
      for (const { url } of panel.attempts) assert.ok(!url.includes(secret));
      assert.deepEqual(agent.violations(), []);
    } finally {
      if (agent.running) await agent.kill('SIGKILL');
      await panel.stop();
      agent.cleanUp();
    }
  });

  it('an agent that starts before its panel connects once the panel is there', async () => {
    const panel = await Panel.start({ secret: 'early-bird-0123456789' });
    await panel.stop();
    const opening = World.open({ panel, connect: false });
    const world = await opening;
    try {
      await pause(1_500);
      assert.ok(world.agent.running);
      await panel.listen();
      await world.greeted(1, 35_000);
    } finally {
      await world.close();
    }
  });

  it('two agents at one panel do what each was told and nothing else', async () => {
    const panel = await Panel.start({ secret: 'shared-by-both-0123456789' });
    const worlds = await Promise.all([World.open({ panel }), World.open({ panel })]);
    const failures = [];
    try {
      const [a, b] = worlds;
      const [idA, idB] = await Promise.all([
        a.run('agent-a', { startup: programs.stubborn }), b.run('agent-b', { startup: programs.stubborn }),
      ]);
      const kill = a.link.command('kill_server', idA);
      await kill.done();
      assert.equal((await b.link.status(idB)).status, 'running');
      assert.equal((await a.link.status(idA)).status, 'stopped');
      await b.link.command('kill_server', idB, undefined, { agentId: a.agent.nodeId }).refused('WRONG_AGENT');
      assert.ok(!b.link.messages().some((m) => m.data?.commandId === kill.id), 'the other agent claims the command');
      assert.equal(panel.links.size, 2);
    } catch (error) {
      failures.push(error);
    }
    for (const world of worlds) await world.close().catch((error) => failures.push(error));
    if (failures.length > 0) throw failures[0];
  });

  it('heartbeats come every 30 s and a ping when the panel is silent', () => inWorld({}, async (world) => {
    const { link, agent } = world;
    const connected = Date.now();
    await until('ping', () => link.pings >= 1, 26_000, 100);
    assert.ok(Date.now() - connected > 15_000, 'the ping came early');
    const first = await link.waitFor((m) => m.type === 'heartbeat', 'heartbeat', 36_000);
    assert.equal(first.data.nodeId, agent.nodeId);
    assert.equal(first.data.status, 'online');
    assert.match(first.data.timestamp, /Z$/);
    const mark = link.mark();
    const at = Date.parse(first.timestamp);
    const second = await link.waitFor((m) => m.type === 'heartbeat', 'second heartbeat', 36_000, mark);
    assert.ok(Math.abs(Date.parse(second.timestamp) - at - 30_000) < 2_000 * slowness, `${second.timestamp} after ${first.timestamp}`);
    assert.equal(link.connections, 1);
  }));

  it('a panel that does not even answer pings is left after 45 s and tried again', () => inWorld({ autoPong: false }, async (world) => {
    const { link } = world;
    link.lossy = true;
    const connected = Date.now();
    const before = link.connections;
    await until('another connection', () => link.connections > before, 60_000, 100);
    const passed = Date.now() - connected;
    assert.ok(passed > 40_000, `left after ${passed} ms`);
  }));
}
