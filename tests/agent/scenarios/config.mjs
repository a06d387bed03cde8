// Settings: three ways to give them, errors that name the key, and the secret kept to ourselves.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { it } from 'node:test';
import { Agent, runAgent } from '../lib/agent.mjs';
import { target } from '../lib/target.mjs';
import { slowness, until } from '../lib/wait.mjs';
import { World, inWorld } from '../lib/world.mjs';

const base = () => {
  const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'agent-e2e-config-'));
  return {
    directory,
    env: {
      AGENT_SECRET: 'shh-0123456789', NODE_ID: 'n1', HEALTH_PORT: '0', RUNTIME: target.runtime,
      DATA_DIR: path.join(directory, 'data'), STATE_DIR: path.join(directory, 'state'),
      BACKUP_DIR: path.join(directory, 'backups'),
    },
  };
};

/** Checks a configuration only; `env` on top of one that is good. */
async function check(env, args = [], files = {}) {
  const { directory, env: good } = base();
  for (const [name, text] of Object.entries(files)) fs.writeFileSync(path.join(directory, name), text, { mode: 0o600 });
  const expand = (value) => value.replaceAll('@', `${directory}/`);
  const settings = Object.fromEntries(Object.entries({ ...good, ...env }).filter(([, v]) => v !== undefined)
    .map(([k, v]) => [k, expand(v)]));
  const end = await runAgent(['--check-config', ...args.map(expand)], settings);
  fs.rmSync(directory, { recursive: true });
  assert.ok(!end.output.includes('shh-'), `printed the secret: ${end.output}`);
  return end;
}

export function configScenarios() {
  it('--version and --help answer and end', async () => {
    const version = await runAgent(['--version']);
    assert.equal(version.code, 0);
    assert.match(version.stdout, /\d+\.\d+\.\d+/);
    const help = await runAgent(['--help']);
    assert.equal(help.code, 0);
    for (const option of ['--panel-url', '--node-id', '--runtime', '--stats-interval', '--check-config', '--config']) {
      assert.ok(help.stdout.includes(option), option);
    }
  });

  it('--check-config prints what is in force and no secret', async () => {
    const { code, stdout } = await check({ STATS_INTERVAL: '7', PANEL_URL: 'ws://127.0.0.1:9/x' });
    assert.equal(code, 0);
    assert.match(stdout, /stats_interval\W+7/i);
    assert.match(stdout, /ws:\/\/127\.0\.0\.1:9\/x/);
    assert.match(stdout, /n1/);
  });

  it('options beat the environment, the environment beats the file, in both file formats', async () => {
    for (const [name, text] of [['c.properties', 'stats_interval = 11\nrate_limit = 12\nlog_level = warning\n'],
      ['c.json', '{"stats_interval": 11, "rate_limit": 12, "log_level": "warning"}']]) {
      const { code, stdout, output } = await check({ RATE_LIMIT: '22', LOG_LEVEL: 'error' },
        ['--config', `@${name}`, '--log-level', 'debug'], { [name]: text });
      assert.equal(code, 0, output);
      assert.match(stdout, /stats_interval\W+11/i, name);
      assert.match(stdout, /rate_limit\W+22/i, name);
      assert.match(stdout, /log_level\W+debug/i, name);
    }
  });

  const wrong = [
    ['a text for a number', { HEALTH_PORT: 'many' }, /HEALTH_PORT|health_port|health-port/],
    ['a port out of range', { HEALTH_PORT: '70000' }, /HEALTH_PORT|health_port|health-port/],
    ['a negative interval', { STATS_INTERVAL: '-1' }, /STATS_INTERVAL|stats_interval|stats-interval/],
    ['a bad boolean', { PANEL_NODE_ID_IN_QUERY: 'perhaps' }, /PANEL_NODE_ID_IN_QUERY|panel_node_id_in_query/i],
    ['a URL of another kind', { PANEL_URL: 'http://127.0.0.1:1' }, /PANEL_URL|panel_url|panel-url/],
    ['no URL at all', { PANEL_URL: 'not a url' }, /PANEL_URL|panel_url|panel-url/],
    ['cleartext to another host', { PANEL_URL: 'ws://panel.example.org:8080' }, /PANEL_ALLOW_INSECURE|panel_allow_insecure/],
    ['an unknown log level', { LOG_LEVEL: 'shouting' }, /LOG_LEVEL|log_level|log-level/],
    ['an unknown log format', { LOG_FORMAT: 'xml' }, /LOG_FORMAT|log_format|log-format/],
    ['an unknown engine', { RUNTIME: 'zeppelin:///' }, /RUNTIME|runtime/],
    ['a negative rate', { RATE_LIMIT: '-3' }, /RATE_LIMIT|rate_limit|rate-limit/],
    ['no secret', { AGENT_SECRET: undefined }, /AGENT_SECRET/],
    ['an empty secret', { AGENT_SECRET: '' }, /AGENT_SECRET/],
    ['a secret file that is not there', { AGENT_SECRET: undefined, AGENT_SECRET_FILE: '@none' }, /AGENT_SECRET_FILE|agent_secret_file/],
  ];
  for (const [what, env, names] of wrong) {
    it(`${what} is an error that names the key`, async () => {
      const { code, stderr, output } = await check(env);
      assert.notEqual(code, 0, output);
      assert.match(stderr, names);
    });
  }

  it('unknown keys are errors that name them: option, properties, JSON', async () => {
    const option = await check({}, ['--stats-intervall', '5']);
    assert.notEqual(option.code, 0);
    assert.match(option.stderr, /stats-intervall/);
    for (const [name, text] of [['c.properties', 'panel_ulr = ws://localhost\n'], ['c.json', '{"panel_ulr": "ws://localhost"}']]) {
      const file = await check({}, ['--config', `@${name}`], { [name]: text });
      assert.notEqual(file.code, 0);
      assert.match(file.stderr, /panel_ulr/);
    }
    const missing = await check({}, ['--config', '@nowhere.json']);
    assert.notEqual(missing.code, 0);
    assert.match(missing.stderr, /nowhere\.json/);
  });

  it('cleartext to another host is possible when it is asked for', async () => {
    const { code, output } = await check({ PANEL_URL: 'ws://panel.example.org:8080', PANEL_ALLOW_INSECURE: 'true' });
    assert.equal(code, 0, output);
  });

  it('a bad setting ends the agent before it starts anything', async () => {
    const { directory, env } = base();
    const { code, stderr } = await runAgent([], { ...env, LOG_LEVEL: 'shouting' });
    assert.notEqual(code, 0);
    assert.match(stderr, /LOG_LEVEL|log_level|log-level/);
    fs.rmSync(directory, { recursive: true });
  });

  it('a configuration may come through a pipe; SIGTERM ends the wait for one that nobody writes to', async () => {
    const { directory, env } = base();
    const fifo = path.join(directory, 'fifo');
    execFileSync('mkfifo', [fifo]);
    const agent = new Agent({ nodeId: 'n1', directory, settings: env, args: ['--config', fifo] });
    const writer = () => fs.openSync(fifo, fs.constants.O_WRONLY | fs.constants.O_NONBLOCK);
    agent.start();
    const silent = await until('a reader of the configuration', writer);
    const timer = setTimeout(() => agent.kill('SIGKILL'), 10_000 * slowness);
    assert.deepEqual(await agent.kill('SIGTERM'), { code: null, signal: 'SIGTERM' });
    clearTimeout(timer);
    fs.closeSync(silent);

    const checked = runAgent(['--check-config', '--config', fifo], env);
    const talking = await until('a reader of the configuration', writer);
    fs.writeSync(talking, 'stats_interval = 11\n');
    fs.closeSync(talking);
    assert.match((await checked).stdout, /STATS_INTERVAL=11 /);
    agent.cleanUp();
  });

  it('the secret comes from a file as well, which must be private', () => inWorld({ connect: false }, async (world) => {
    const { agent, link } = world;
    await agent.kill('SIGKILL');
    await until('the end of its connection', () => link.socket === null);
    const file = path.join(agent.directory, 'secret');
    fs.writeFileSync(file, `${world.secret}\n`, { mode: 0o644 });
    const { AGENT_SECRET, ...settings } = agent.settings;
    const open = await runAgent(['--check-config'], { ...settings, AGENT_SECRET_FILE: file });
    assert.notEqual(open.code, 0, 'a file that others may read was taken');
    assert.match(open.stderr, /AGENT_SECRET_FILE|agent_secret_file/);
    assert.ok(!open.output.includes(AGENT_SECRET));
    fs.chmodSync(file, 0o600);
    agent.settings = { ...settings, AGENT_SECRET_FILE: file };
    agent.start();
    await until('connection', () => link.socket);
    assert.ok(!agent.output.includes(AGENT_SECRET));
  }));

  it('the secret is in no command line and, once read, not in the environment', () => inWorld({}, async ({ agent, secret }) => {
    assert.ok(!fs.readFileSync(`/proc/${agent.pid}/cmdline`, 'utf8').includes(secret));
    assert.ok(!fs.readFileSync(`/proc/${agent.pid}/environ`, 'utf8').includes(secret));
  }));

  it('LOG_FORMAT=json prints one object a line', () => inWorld({ settings: { LOG_FORMAT: 'json', LOG_LEVEL: 'debug' } }, async (world) => {
    await world.link.command('create_server', 'bad/id', World.payload()).refused('INVALID_PAYLOAD');
    const lines = world.agent.log().trimEnd().split('\n').slice(0, -1);
    assert.ok(lines.length > 0);
    for (const line of lines) assert.equal(typeof JSON.parse(line), 'object', line);
  }));
}
