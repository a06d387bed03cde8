// A panel that was taken over, on a real engine: what it may never reach. Between agent and engine
// stands a recorder; the host has a canary.

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import net from 'node:net';
import { it } from 'node:test';
import os from 'node:os';
import path from 'node:path';
import { target } from '../lib/target.mjs';
import { until } from '../lib/wait.mjs';
import { World, inWorld, programs, uniqueId } from '../lib/world.mjs';

/** Passes everything on to the engine and keeps what the agent sent. */
class Recorder {
  static async start() {
    const recorder = new Recorder();
    recorder.directory = fs.mkdtempSync(path.join(os.tmpdir(), 'recorder-'));
    recorder.path = path.join(recorder.directory, 'engine.sock');
    recorder.sent = '';
    recorder.server = net.createServer((client) => {
      const engine = net.connect(target.engine.socketPath);
      client.on('data', (data) => { recorder.sent += data.toString('latin1'); });
      client.pipe(engine);
      engine.pipe(client);
      for (const [one, other] of [[client, engine], [engine, client]]) {
        one.on('error', () => other.destroy());
        one.on('close', () => other.destroy());
      }
    });
    await new Promise((resolve) => recorder.server.listen(recorder.path, resolve));
    return recorder;
  }

  /** Every request as method and path, without version, ids and query. */
  requests() {
    return new Set([...this.sent.matchAll(/(?:^|\n|\r|\}|\0)(GET|POST|PUT|DELETE|HEAD) (\/\S*) HTTP\/1\.1/g)]
      .map(([, method, where]) => `${method} ${where.replace(/\?.*/, '').replace(/^\/v[\d.]+/, '').replace(/^\/libpod/, '')
        .replace(/^\/(containers|exec|images)\/[^/]+(?=\/|$)/, (all, kind) => (/\/(json|create|pull)$/.test(all) ? all : `/${kind}/ID`))}`));
  }

  stop() {
    this.server.close();
    fs.rmSync(this.directory, { recursive: true });
  }
}

/** Every field of an engine's create request that reaches out of a container, and a value that would. */
const kDangerous = {
  Privileged: true, CapAdd: ['SYS_ADMIN'], Devices: [{ PathOnHost: '/dev/mem' }], DeviceRequests: [{ Count: -1 }],
  DeviceCgroupRules: ['a *:* rwm'], PidMode: 'host', IpcMode: 'host', UTSMode: 'host', UsernsMode: 'host', CgroupnsMode: 'host',
  NetworkMode: 'host', SecurityOpt: ['seccomp=unconfined'], Binds: ['/:/host'], Mounts: [{ Type: 'bind', Source: '/', Target: '/host' }],
  Volumes: { '/host': {} }, VolumesFrom: ['other'], VolumeDriver: 'local', Runtime: 'other', CgroupParent: '/', OomKillDisable: true,
  OomScoreAdj: -1000, Sysctls: { 'kernel.msgmax': '1' }, LogConfig: { Type: 'syslog' }, PublishAllPorts: true, Links: ['other'],
  ExtraHosts: ['metadata:169.254.169.254'], Ulimits: [{ Name: 'nofile', Soft: 1 << 30 }], MaskedPaths: [], ReadonlyPaths: [],
  NoNewPrivileges: false, Rootfs: '/', Unmask: ['ALL'], EnvHost: true,
  StorageOpt: { size: '1T' }, ShmSize: 1 << 40, GroupAdd: ['0'], Isolation: 'process', HostConfig: { Privileged: true },
};

const kCanary = 'this was never reached';
const hashOf = (file) => createHash('sha256').update(fs.readFileSync(file)).digest('hex');
const spellings = (name) => [name, name[0].toLowerCase() + name.slice(1), name.toUpperCase(),
  name.replace(/(?<!^)([A-Z])/g, '_$1').toLowerCase()];

/** A container that is none of ours, made behind the agent's back. */
async function foreigner(name, labels) {
  const { request } = await import('node:http');
  const body = JSON.stringify({ Image: target.image, Cmd: ['sleep', '1000'], Labels: labels });
  await new Promise((resolve, reject) => {
    const post = request({
      socketPath: target.engine.socketPath, method: 'POST', path: `/containers/create?name=${name}`, agent: false,
      headers: { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(body) },
    }, (response) => {
      response.resume();
      response.on('end', () => (response.statusCode < 300 ? resolve() : reject(new Error(`create: ${response.statusCode}`))));
    });
    post.on('error', reject);
    post.end(body);
  });
  await target.engine.request('POST', `/containers/${name}/start`);
}

/** A message of the older format that must be refused. */
async function refusedLegacy(link, type, data) {
  const messageId = uniqueId('m');
  link.send({ type, messageId, data });
  const answer = await link.waitFor((m) => m.messageId === messageId, `answer to ${type}`);
  assert.equal(answer.data.code, 'POLICY_VIOLATION', `${type} ${JSON.stringify(data)}: ${JSON.stringify(answer)}`);
}

/** What this host allows in the test below. */
const kPolicy = {
  images: [target.image], ports: ['25565-25570'], maxMemory: '64m', maxCpu: 50, maxPids: 40, maxServers: 1,
  stopSignals: ['SIGTERM'],
};
/** And what is more, in every way that a payload has for it. */
const kTooMuch = [
  { limits: { memory: '65m' } }, { limits: { memory: 65 } }, { limits: { memory: 1 << 30 } }, { limits: { memory: '64m', swap: -1 } },
  { limits: { memory: '64m', swap: '65m' } }, { limits: { cpu: 51 } }, { limits: { cpu: '1' } }, { limits: { pids: 41 } },
  { eggConfig: { limits: { memory: '65m' } } },
];
const kTooMuchForCreate = [
  ...kTooMuch, { image: 'evil.example/game:1' }, { image: '127.0.0.1:1/control-test' }, { image: 'sha256:' + '0'.repeat(64) },
  { ports: { 22: 22 } }, { ports: { '25565/udp': 25571 } }, { ports: [{ internal: 1, external: 25564 }] },
  { ports: [{ internal: 1, external: 0 }] }, { stop: { signal: 'SIGHUP' } }, { stop: { steps: [{ signal: 'SIGHUP', timeout: 1 }] } },
];

export function hostileScenarios() {
  it('a panel that was taken over gets nothing that policy.json does not allow, and stops nothing by asking', async () => {
    const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'agent-e2e-policy-'));
    const file = path.join(directory, 'policy.json');
    fs.writeFileSync(file, JSON.stringify(kPolicy), { mode: 0o600 });
    await inWorld({ directory, settings: { POLICY_FILE: file } }, async (world) => {
      const { link } = world;
      for (const more of kTooMuchForCreate) {
        await link.command('create_server', uniqueId('more'), World.payload(more)).refused('POLICY_VIOLATION');
        await refusedLegacy(link, 'server_create', { serverId: uniqueId('more'), ...World.payload(more) });
      }
      await link.command('pull_image', undefined, { image: 'evil.example/game:1' }).refused('POLICY_VIOLATION');
      assert.deepEqual((await link.command('list_servers').result()).servers, []);
      const id = await world.run('policed', { limits: {} });
      await link.command('create_server', uniqueId('second'), World.payload()).refused('POLICY_VIOLATION');
      const before = [await link.status(id), await target.engine?.inspect(id)];
      for (const more of kTooMuch) {
        await link.command('update_server', id, more).refused('POLICY_VIOLATION');
        for (const type of ['server_update', 'server_reinstall']) await refusedLegacy(link, type, { serverId: id, ...more });
      }
      for (const action of ['stop_server', 'restart_server']) {
        await link.command(action, id, { signal: 'SIGHUP' }).refused('POLICY_VIOLATION');
      }
      for (const type of ['server_stop', 'server_restart', 'server_suspend', 'server_reinstall']) {
        await refusedLegacy(link, type, { serverId: id, signal: 'SIGHUP' });
      }
      for (const action of ['stop', 'restart']) await refusedLegacy(link, 'server_power', { serverId: id, action, signal: 'SIGHUP' });
      const after = [await link.status(id), await target.engine?.inspect(id)];
      const facts = ([status, container]) => [status.status, status.containerId, status.startedAt, container?.State.Pid,
        container?.HostConfig];
      assert.deepEqual(facts(after), facts(before));
      if (after[1]) assert.equal(after[1].HostConfig.Memory, 64 << 20);
      // "No limit" is the policy's.
      await link.command('update_server', id, { limits: { memory: 0, cpu: 0 } }).done();
      const widened = await target.engine?.inspect(id);
      if (widened) assert.deepEqual([widened.HostConfig.Memory, widened.HostConfig.NanoCpus], [64 << 20, 500_000_000]);
    });
  });

  // The recorder knows Docker's requests.
  const itOnDocker = target.kind === 'docker' ? it : () => {};
  itOnDocker('a panel that was taken over reaches no container but ours, no host path, no privilege', async () => {
    const recorder = await Recorder.start();
    const outside = fs.mkdtempSync(path.join(os.tmpdir(), 'canary-'));
    const canary = path.join(outside, 'canary');
    fs.writeFileSync(canary, kCanary);
    const before = hashOf(canary);
    const strangers = [];
    try {
      await inWorld({ settings: { RUNTIME: `${target.kind}://${recorder.path}` } }, async (world) => {
        const { agent, link } = world;
        // Containers of others: by name, by a label that claims less than ours, of another node.
        const stranger = uniqueId('stranger');
        const neighbour = uniqueId('neighbour');
        strangers.push(stranger, neighbour);
        await foreigner(`ctrl-alt-play-${stranger}`, {});
        await foreigner(`ctrl-alt-play-${neighbour}`, {
          'ctrl-alt-play.managed': 'true', 'ctrl-alt-play.server-id': neighbour, 'ctrl-alt-play.node': 'another-node',
        });
        for (const id of strangers) {
          const [start] = [(await target.engine.inspect(id)).State.StartedAt];
          for (const action of ['start_server', 'stop_server', 'restart_server', 'kill_server', 'delete_server', 'update_server', 'get_status']) {
            await link.command(action, id, action === 'update_server' ? { limits: { memory: '64m' } } : undefined).refused('SERVER_NOT_FOUND');
          }
          const create = link.command('create_server', id, World.payload());
          const failed = await create.ended(20_000);
          assert.equal(failed.success, false, 'the name of a stranger was taken');
          const now = await target.engine.inspect(id);
          assert.equal(now.State.Running, true);
          assert.equal(now.State.StartedAt, start);
        }
        // Fields that reach out of a container, in every spelling and at every depth.
        for (const [name, value] of Object.entries(kDangerous)) {
          for (const spelled of spellings(name)) {
            for (const payload of [{ [spelled]: value }, { eggConfig: { ...World.payload(), [spelled]: value } }, { limits: { [spelled]: value } }]) {
              const id = uniqueId('dangerous');
              await link.command('create_server', id, { ...World.payload(), ...payload }).refused('POLICY_VIOLATION');
              assert.equal(await target.engine.inspect(id), null);
            }
          }
        }
        // A directory of a server that leads elsewhere.
        const led = uniqueId('led-astray');
        fs.symlinkSync(outside, path.join(agent.dataDir, led));
        const answer = await link.command('create_server', led, World.payload()).response();
        assert.equal(answer.success, false, JSON.stringify(answer));
        assert.equal(await target.engine.inspect(led), null);
        await link.command('delete_server', led, { removeData: true }).refused('SERVER_NOT_FOUND');
        fs.unlinkSync(path.join(agent.dataDir, led));
        // What is made all the same is closed.
        const id = await world.run('closed', {
          startup: `id -u > uid; (echo x > /proc/sys/kernel/hostname) 2> denied; ${programs.graceful}`,
        });
        const { HostConfig: host, Mounts: mounts } = await target.engine.inspect(id);
        assert.equal(host.Privileged, false);
        assert.ok(host.SecurityOpt.some((option) => /no-new-privileges/.test(option)), JSON.stringify(host.SecurityOpt));
        assert.deepEqual(mounts.map((mount) => [mount.Source, mount.Destination]), [[path.join(agent.dataDir, id), '/home/container']]);
        assert.ok(!/host/.test([host.NetworkMode, host.PidMode, host.IpcMode, host.UTSMode].join()), JSON.stringify(host));
        await until('a refusal', () => fs.existsSync(path.join(agent.dataDir, id, 'denied')));
        // And stays so, whatever is asked for later.
        for (const [name, value] of Object.entries(kDangerous)) {
          for (const spelled of spellings(name)) {
            for (const payload of [{ [spelled]: value }, { eggConfig: { [spelled]: value } }, { limits: { [spelled]: value } }]) {
              await link.command('update_server', id, payload).refused('POLICY_VIOLATION');
              await refusedLegacy(link, 'server_update', { serverId: id, ...payload });
              await refusedLegacy(link, 'server_reinstall', { serverId: id, ...payload });
            }
          }
        }
        await link.command('update_server', id, { image: 'other:1', ports: { 22: 22 }, limits: { memory: '96m' } }).done();
        const changed = await target.engine.inspect(id);
        assert.equal(changed.State.Running, true, 'an attempt that was refused stopped the server');
        assert.deepEqual({ ...changed.HostConfig, Memory: 0, MemorySwap: 0 }, { ...host, Memory: 0, MemorySwap: 0 });
        assert.deepEqual([changed.Mounts, changed.Config.Image], [mounts, target.image]);
        await link.command('delete_server', id, { removeData: true }).done(30_000);
        link.lossy = true;
      });
      assert.equal(hashOf(canary), before, 'the canary was touched');
      assert.deepEqual(fs.readdirSync(outside), ['canary']);
      // A closed set of requests, and never the engine's archive interface.
      const allowed = /^(GET|HEAD) \/(_ping|version|info|events|containers\/json|containers\/ID\/(json|logs|stats|exists|top)|containers\/stats|images\/.*json|system\/.*)$|^POST \/(containers\/create|containers\/ID\/(start|kill|wait|update|attach|resize)|images\/(create|pull))$|^GET \/containers\/ID\/wait$|^DELETE \/containers\/ID$/;
      const others = [...recorder.requests()].filter((request) => !allowed.test(request));
      assert.deepEqual(others, []);
      assert.ok(recorder.requests().size > 4, [...recorder.requests()].join());
    } finally {
      recorder.stop();
      fs.rmSync(outside, { recursive: true });
      for (const id of strangers) await target.engine.remove(id);
    }
  });
}
