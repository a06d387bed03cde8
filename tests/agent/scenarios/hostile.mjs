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

export function hostileScenarios() {
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
          if (Array.isArray(value) && value.length === 0) continue;
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
