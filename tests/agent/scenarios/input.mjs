// Commands that make no sense: the right refusal, and nothing and nobody else harmed.

import assert from 'node:assert/strict';
import { it } from 'node:test';
import { besideBystander, command, freshId, refusedCommand, refusedText, unharmed } from '../lib/refusals.mjs';
import { target } from '../lib/target.mjs';
import { slowness, until } from '../lib/wait.mjs';
import { World, inWorld, programs, uniqueId } from '../lib/world.mjs';

export function inputScenarios() {
  it('id, type and action must be there and be text', besideBystander(async (world) => {
    const withoutId = {
      'no id': { type: 'command', action: 'list_servers' }, 'id null': { id: null, type: 'command', action: 'list_servers' },
      'id a number': { id: 7, type: 'command', action: 'list_servers' },
      'id an object': { id: {}, type: 'command', action: 'list_servers' },
      'id empty': { id: '', type: 'command', action: 'list_servers' },
      'no type': { action: 'list_servers' }, 'type a number': { type: 5 }, nothing: {},
    };
    for (const [what, message] of Object.entries(withoutId)) {
      await refusedText(world, what, JSON.stringify(message), 'INVALID_COMMAND');
    }
    for (const action of [undefined, null, 5, {}, [], true]) {
      await refusedCommand(world, `action ${JSON.stringify(action)}`, { action }, 'INVALID_COMMAND', /action/);
    }
    await unharmed(world);
  }));

  it('unknown actions and another agent\'s commands are refused', besideBystander(async (world) => {
    for (const action of ['invalid_action', 'Start_Server', 'start_server ', '__proto__', 'server_start', 'x'.repeat(5000), 'ünï']) {
      await refusedCommand(world, action.slice(0, 30), { action, serverId: world.bystander }, 'UNKNOWN_ACTION');
    }
    await refusedCommand(world, 'another agent', {
      action: 'kill_server', serverId: world.bystander, agentId: 'another-node',
    }, 'WRONG_AGENT', /another-node/);
    await refusedCommand(world, 'agentId a number', {
      action: 'kill_server', serverId: world.bystander, agentId: 5,
    }, 'INVALID_COMMAND');
    await unharmed(world);
  }));

  it('an unknown message type is an error and no more', besideBystander(async (world) => {
    for (const type of ['bogus', 'Command', '', 'server_explode', 'response', 'event']) {
      const mark = world.link.mark();
      world.link.sendText(JSON.stringify({ type, messageId: 'mm', data: { serverId: world.bystander } }));
      if (type === 'response' || type === 'event') continue;
      const error = await world.link.waitFor((m) => m.type === 'error', `error about type '${type}'`, 5_000, mark);
      assert.ok(error.data.code && error.data.message);
    }
    for (const type of ['server_stop', 'server_start', 'server_delete', 'server_create', 'server_power', 'server_update']) {
      for (const data of [undefined, null, 5, [], {}, { serverId: 5 }, { serverId: '../x' }]) {
        const mark = world.link.mark();
        world.link.sendText(JSON.stringify({ type, data }));
        await world.link.waitFor((m) => m.type === 'error' && m.data.code === 'INVALID_PAYLOAD',
          `error about ${type} with ${JSON.stringify(data)}`, 5_000, mark);
      }
    }
  }));

  it('a repeated id is answered again and executed once', besideBystander(async (world) => {
    const { link } = world;
    const id = await world.create('twice', { startup: programs.stubborn });
    const message = command({ action: 'start_server', serverId: id });
    for (let i = 0; i < 3; i++) link.send(message);
    await until('three responses', () => link.messages().filter((m) => m.type === 'response' && m.id === message.id).length === 3);
    const answers = link.messages().filter((m) => m.type === 'response' && m.id === message.id);
    for (const answer of answers) assert.deepEqual({ ...answer, timestamp: 0 }, { ...answers[0], timestamp: 0 });
    await link.event('command_completed', (d) => d.commandId === message.id);
    const { startedAt } = await link.status(id);
    link.send(message);
    assert.equal((await link.status(id)).startedAt, startedAt);
    // A refused one as well.
    const refused = command({ action: 'start_server', serverId: 'not-there' });
    const first = await link.send(refused).refused('SERVER_NOT_FOUND');
    assert.equal(await link.send(refused).refused('SERVER_NOT_FOUND'), first);
  }));

  it('an id that comes again with other content is an ID_CONFLICT and not executed', besideBystander(async (world) => {
    const { link } = world;
    const first = command({ action: 'get_status', serverId: world.bystander });
    await link.send(first).result();
    const mark = link.mark();
    link.send({ ...first, action: 'kill_server' });
    const conflict = await link.waitFor((m) => m.type === 'response' && m.id === first.id, 'answer', 5_000, mark);
    assert.equal(conflict.error?.code, 'ID_CONFLICT', JSON.stringify(conflict));
    link.send({ ...first, payload: { other: true } });
    await link.waitFor((m) => m.type === 'response' && m.id === first.id && m.error?.code === 'ID_CONFLICT', 'answer', 5_000, link.mark());
  }));

  it('a hostile serverId is an INVALID_PAYLOAD for every action', besideBystander(async (world) => {
    const hostile = ['', '.', '..', '../x', '../../etc/passwd', 'a/b', '/abs', '.hidden', '-rf', '_x', 'a'.repeat(65), 'ünï',
      'a b', ' a', 'a ', 'a\u0000b', 'a\nb', 'a%2fb', 'a\\b', '$(id)', '`id`', 'a;b', 'a:b', 'a@b', '🎮', 5, true, {}, ['a'], null];
    const actions = ['create_server', 'start_server', 'stop_server', 'delete_server', 'get_status'];
    for (const serverId of hostile) {
      for (const action of actions) {
        const payload = action === 'create_server' ? World.payload() : undefined;
        await refusedCommand(world, `${action} ${JSON.stringify(serverId)}`, { action, serverId, payload }, 'INVALID_PAYLOAD', /serverId/);
      }
    }
    for (const action of [...actions, 'kill_server', 'restart_server', 'update_server', 'get_server_metrics']) {
      await refusedCommand(world, `${action} without serverId`, { action, payload: {} }, 'INVALID_PAYLOAD', /serverId/);
    }
    await refusedCommand(world, 'in the payload', { action: 'delete_server', payload: { serverId: '../x', removeData: true } },
      'INVALID_PAYLOAD', /serverId/);
  }));

  it('the longest and the strangest lawful serverIds work', besideBystander(async (world) => {
    for (const id of [uniqueId('x').padEnd(64, 'z'), `${uniqueId('A')}.b_c-D..9`]) {
      world.created.push(id);
      await world.link.command('create_server', id, World.payload()).done(30_000);
      assert.equal((await world.link.status(id)).status, 'created');
      await world.link.command('delete_server', id, { removeData: true }).done(20_000);
    }
  }));

  it('unknown signals and impossible timeouts are refused and nothing reaches the server', besideBystander(async (world) => {
    const signals = ['', 'SIGFOO', 'TERM ', 'SIG', 'SIGSIGTERM', '-9', 'SIGRTMIN+99', 'SIGRTMAX+1', 0, -1, 65, 1e9, 9.5, null, true, {}, ['TERM'],
      'KILL;rm', 'TERM\u0000'];
    for (const signal of signals) {
      for (const action of ['stop_server', 'restart_server']) {
        await refusedCommand(world, `${action} signal ${JSON.stringify(signal)}`, {
          action, serverId: world.bystander, payload: { signal },
        }, 'INVALID_PAYLOAD', /payload\.signal/);
      }
    }
    const timeouts = [-1, -0.001, 86_401, 1e18, 1e300, '30', 'soon', null, true, {}, [30]];
    for (const timeout of timeouts) {
      for (const action of ['stop_server', 'restart_server']) {
        await refusedCommand(world, `${action} timeout ${JSON.stringify(timeout)}`, {
          action, serverId: world.bystander, payload: { timeout },
        }, 'INVALID_PAYLOAD', /payload\.timeout/);
      }
    }
    for (const number of ['1e999', '-1e999', '123456789012345678901234567890']) {
      const id = freshId();
      world.link.expectResponse(id, 'stop_server');
      world.link.sendText(`{"id":"${id}","type":"command","action":"stop_server","serverId":"${world.bystander}","payload":{"timeout":${number}}}`);
      const response = await world.link.waitFor((m) => m.type === 'response' && m.id === id, `answer to timeout ${number}`);
      assert.ok(['INVALID_PAYLOAD', 'PARSE_ERROR'].includes(response.error?.code), JSON.stringify(response));
    }
    for (const payload of ['text', 5, [], true]) {
      await refusedCommand(world, `payload ${JSON.stringify(payload)}`, {
        action: 'stop_server', serverId: world.bystander, payload,
      }, 'INVALID_PAYLOAD', /payload/);
    }
    await refusedCommand(world, 'removeData', {
      action: 'delete_server', serverId: world.bystander, payload: { removeData: 'yes' },
    }, 'INVALID_PAYLOAD', /payload\.removeData/);
  }));

  it('a create_server that makes no sense is refused, names the field and makes nothing', besideBystander(async (world) => {
    const many = Object.fromEntries(Array.from({ length: 129 }, (_, i) => [`V${i}`, 'x']));
    const port = (fields) => ({ ports: [{ internal: 25565, external: 45_950, protocol: 'tcp', ...fields }] });
    const wrong = [
      ['image', { image: undefined }], ['image', { image: '' }], ['image', { image: 5 }], ['image', { image: 'bad image!' }],
      ['image', { image: '--privileged' }], ['image', { image: 'a\u0000b' }],
      ['startup', { startup: 5 }], ['startup', { startup: ['sh'] }], ['startup', { startup: 'a\u0000b' }],
      ['environment', { environment: [] }], ['environment', { environment: 'A=b' }], ['environment', { environment: many }],
      ['environment', { environment: { BIG: 'x'.repeat(33 << 10) } }], ['environment', { environment: { A: {} } }],
      ['environment', { environment: { 'A=B': 'c' } }], ['environment', { environment: { '': 'c' } }],
      ['environment', { environment: { A: 'x\u0000y' } }], ['environment', { environment: { 'A\u0000': 'x' } }],
      ['limits', { limits: 5 }], ['limits.memory', { limits: { memory: 'lots' } }], ['limits.memory', { limits: { memory: -1 } }],
      ['limits.memory', { limits: { memory: '12x' } }], ['limits.memory', { limits: { memory: 1e300 } }],
      ['limits.memory', { limits: { memory: true } }], ['limits.memory', { limits: { memory: '-5m' } }],
      ['limits.memory', { limits: { memory: '99999999999999999999g' } }],
      ['limits.swap', { limits: { memory: '64m', swap: -2 } }], ['limits.disk', { limits: { disk: 'big' } }],
      ['limits.io', { limits: { io: 5 } }], ['limits.io', { limits: { io: 1001 } }], ['limits.io', { limits: { io: 'fast' } }],
      ['limits.cpu', { limits: { cpu: -1 } }], ['limits.cpu', { limits: { cpu: 'all' } }], ['limits.cpu', { limits: { cpu: 1e300 } }],
      ['limits.pids', { limits: { pids: -1 } }], ['limits.pids', { limits: { pids: 'many' } }], ['limits.pids', { limits: { pids: 1.5 } }],
      ['ports', { ports: 25565 }], ['ports', { ports: [25565] }], ['ports', port({ internal: 0 })], ['ports', port({ internal: 65_536 })],
      ['ports', port({ external: -1 })], ['ports', port({ external: 'abc' })], ['ports', port({ internal: 1.5 })],
      ['ports', port({ protocol: 'icmp' })], ['ports', port({ protocol: 5 })], ['ports', { ports: { 'x/tcp': 1 } }],
      ['ports', { ports: { '25565/sctp2': 1 } }], ['ports', { ports: { 99999: 1 } }],
      ['stop.signal', { stop: { signal: 'SIGFOO' } }], ['stop.timeout', { stop: { timeout: -1 } }], ['stop', { stop: 5 }],
      ['restart.policy', { restart: { policy: 'sometimes' } }], ['restart.maxRetries', { restart: { policy: 'always', maxRetries: -1 } }],
      ['tty', { tty: 'yes' }], ['start', { start: 'yes' }], ['labels', { labels: [] }], ['labels', { labels: { a: {} } }],
      ['labels', { labels: { 'a\u0000': 'b' } }],
    ];
    const id = uniqueId('nonsense');
    for (const [field, fields] of wrong) {
      const names = new RegExp(`payload\\.${field.replace('.', '\\.')}`);
      await refusedCommand(world, `${field} ${JSON.stringify(fields).slice(0, 80)}`, {
        action: 'create_server', serverId: id, payload: World.payload(fields),
      }, 'INVALID_PAYLOAD', names);
    }
    for (const payload of [undefined, null, 'x', 5, [], {}]) {
      await refusedCommand(world, `payload ${JSON.stringify(payload)}`, { action: 'create_server', serverId: id, payload }, 'INVALID_PAYLOAD', /payload/);
    }
    await refusedCommand(world, 'nothing was made', { action: 'get_status', serverId: id }, 'SERVER_NOT_FOUND');
    if (target.real) assert.equal(await target.engine.inspect(id), null);
    for (const fields of [{ limits: { memory: 'lots' } }, { environment: [] }, { startup: 5 }, { limits: { cpu: -1 } }]) {
      await refusedCommand(world, `update ${JSON.stringify(fields)}`, {
        action: 'update_server', serverId: world.bystander, payload: fields,
      }, 'INVALID_PAYLOAD', new RegExp(`payload\\.${Object.keys(fields)[0]}`));
    }
  }));

  it('what the policy forbids is a POLICY_VIOLATION, however it is spelled or wrapped', besideBystander(async (world) => {
    const forbidden = {
      privileged: true, binds: ['/:/host'], networkMode: 'host', devices: ['/dev/mem'], capAdd: ['SYS_ADMIN'], pidMode: 'host',
      ipcMode: 'host', utsMode: 'host', usernsMode: 'host', cgroupParent: '/', securityOpt: ['seccomp=unconfined'],
      mounts: [{ type: 'bind', source: '/', target: '/host' }], volumes: ['/:/host'], volumesFrom: ['other'],
      hostConfig: { privileged: true },
    };
    const spellings = (key) => new Set([key, key[0].toUpperCase() + key.slice(1), key.toUpperCase(), key.toLowerCase(),
      key.replace(/[A-Z]/g, (c) => `_${c.toLowerCase()}`)]);
    const id = uniqueId('forbidden');
    for (const [key, value] of Object.entries(forbidden)) {
      for (const spelled of spellings(key)) {
        await refusedCommand(world, spelled, {
          action: 'create_server', serverId: id, payload: World.payload({ [spelled]: value }),
        }, 'POLICY_VIOLATION', new RegExp(spelled));
      }
      await refusedCommand(world, `${key} in eggConfig`, {
        action: 'create_server', serverId: id, payload: { eggConfig: World.payload({ [key]: value }) },
      }, 'POLICY_VIOLATION', new RegExp(key));
      await refusedCommand(world, `${key} in update_server`, {
        action: 'update_server', serverId: world.bystander, payload: { [key]: value },
      }, 'POLICY_VIOLATION', new RegExp(key));
    }
    await refusedCommand(world, 'nothing was made', { action: 'get_status', serverId: id }, 'SERVER_NOT_FOUND');
    if (target.real) assert.equal(await target.engine.inspect(id), null);
  }));

  it('labels cannot pass a server off as another', besideBystander(async (world) => {
    const id = uniqueId('label');
    world.created.push(id);
    const create = world.link.command('create_server', id, World.payload({
      labels: { 'ctrl-alt-play.server-id': world.bystander, 'ctrl-alt-play.managed': 'false' },
    }));
    const response = await create.response();
    if (!response.success) {
      assert.ok(['INVALID_PAYLOAD', 'POLICY_VIOLATION'].includes(response.error.code), JSON.stringify(response));
      return;
    }
    await create.done(30_000);
    assert.equal((await world.link.status(id)).status, 'created');
    if (!target.real) return;
    const { Labels } = (await target.engine.inspect(id)).Config;
    assert.deepEqual([Labels['ctrl-alt-play.server-id'], Labels['ctrl-alt-play.managed']], [id, 'true']);
  }));

  it('more than RATE_LIMIT commands a second are RATE_LIMITED, each answered once, and it passes', () => inWorld({
    settings: { RATE_LIMIT: '4' },
  }, async ({ link }) => {
    const sent = Array.from({ length: 120 }, () => link.command('list_servers'));
    const responses = await Promise.all(sent.map((c) => c.response()));
    const limited = responses.filter((r) => r.error?.code === 'RATE_LIMITED');
    const served = sent.length - limited.length;
    assert.ok(served >= 4 && served <= 40, `${served} served`);
    await until('service again', async () => (await link.command('list_servers').response()).success, 15_000, 500);
    assert.equal(link.connections, 1);
  }));

  it('more than 64 commands waiting for one server are BUSY, and no other server notices', besideBystander(async (world) => {
    const { link } = world;
    const id = await world.run('busy', { startup: programs.stubborn });
    const first = link.command('restart_server', id, { timeout: 2 });
    const more = Array.from({ length: 80 }, () => link.command('update_server', id, { limits: { memory: '64m' } }));
    await first.accepted();
    const responses = await Promise.all(more.map((c) => c.response()));
    const busy = responses.filter((r) => r.error?.code === 'BUSY').length;
    assert.ok(busy >= 14 && busy <= 18, `${busy} of 80 were refused`);
    const asked = Date.now();
    assert.equal((await link.status(world.bystander)).status, 'running');
    assert.ok(Date.now() - asked < 2_000 * slowness);
    await Promise.all(more.filter((c, i) => responses[i].success).map((c) => c.ended(40_000)));
  }));
}
