// The tests' own tests: a promise that is broken must be seen.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';

process.env.AGENT_BINARY = fileURLToPath(new URL('./lib/fake_agent.mjs', import.meta.url));
process.env.E2E_ENGINE = 'mock';
const { World } = await import('./lib/world.mjs');
const { spanOf, unclaimed } = await import('./lib/ledger.mjs');

/** One server from creation to its end, with an agent that has `fault`. */
async function converse(fault = '') {
  const world = await World.open({ settings: { FAKE_FAULT: fault } });
  const { link } = world;
  const actions = ['create_server', 'start_server', 'get_status', 'stop_server', 'delete_server'];
  const sent = actions.map((action) => link.command(action, 'one'));
  if (fault !== 'silent') await Promise.all(sent.map((command) => command.response()));
  await link.waitFor((m) => m.data?.currentStatus === 'deleted', 'deleted');
  if (fault === 'crash') await world.agent.kill('SIGKILL');
  await world.close();
}

describe('the harness', { concurrency: 4 }, () => {
  it('is content with an agent that keeps its promises', () => converse());

  const faults = {
    twice: /2 responses to 1 x create_server/, silent: /0 responses to 1 x create_server/, gap: /seq jumps from/,
    message: /message of start_server/, chain: /previousStatus, was created/, endless: /0 command_completed for create_server/,
    secret: /told the secret/,
  };
  for (const [fault, complaint] of Object.entries(faults)) {
    it(`sees the fault '${fault}'`, () => assert.rejects(converse(fault), complaint));
  }

  it('shows the conversation when something does not come', async () => {
    const world = await World.open();
    const command = world.link.command('list_servers');
    await command.result();
    await assert.rejects(world.link.waitFor((m) => m.type === 'pong', 'pong', 50), (error) =>
      /no pong within/.test(error.message) && error.message.includes(command.id));
    await world.close();
  });
});

describe('the ledger of what the engine did', () => {
  const entry = (action, end, more = {}) => ({
    message: { action, payload: {} }, sentAt: 100, endedAt: 200, states: new Set(), whole: true,
    ended: end === 'refused' ? { type: 'response', error: { code: 'SERVER_EXISTS' } }
      : { type: 'event', data: end ? { error: { code: end } } : {} }, ...more,
  });
  const through = (...states) => ({ states: new Set(states) });

  it('takes for what was done only commands that did it, or of which nobody knows', () => {
    const has = (deed, ...given) => spanOf(deed, entry(...given)) !== null;
    assert.ok(has('start', 'start_server', undefined, through('starting', 'running')));
    assert.ok(!has('start', 'start_server'), 'it ran already');
    assert.ok(has('start', 'start_server', undefined, { whole: false }), 'what it did was not heard');
    assert.ok(!has('create', 'create_server', 'refused', { whole: false }));
    assert.ok(!has('create', 'create_server', 'IMAGE_NOT_FOUND'));
    assert.ok(has('create', 'create_server', 'TIMEOUT', through('creating')));
    assert.ok(has('create', 'create_server', 'OUTCOME_UNKNOWN'));
    assert.ok(!has('start', 'create_server', undefined, through('creating', 'created')));
    assert.ok(!has('start', 'stop_server', undefined, through('stopping', 'stopped')));
  });

  it('sees a deed that is done twice, too late, or for nothing', () => {
    const claim = (...span) => ({ span, used: false });
    const left = (times, ...claims) => unclaimed(times.map((at) => ({ at })), claims).map(({ at }) => at);
    assert.deepEqual(left([150], claim(100, 200)), []);
    assert.deepEqual(left([150, 160], claim(100, 200)), [160]);
    assert.deepEqual(left([250], claim(100, 200)), [250]);
    assert.deepEqual(left([50]), [50]);
    assert.deepEqual(left([150, 250], claim(100, 400), claim(100, 200)), []);
  });
});
