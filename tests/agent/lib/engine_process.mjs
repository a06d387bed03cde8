// The daemon of a private engine (tests/engines), to be frozen, killed and started again just as it
// was. Whatever becomes of it, its containers are to run on: Docker is told to, Podman's always do.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { target } from './target.mjs';
import { until } from './wait.mjs';

export class EngineProcess {
  constructor(engine) {
    this.engine = engine;
    this.name = { docker: 'dockerd', podman: 'podman' }[target.kind];
    this.directory = path.dirname(engine.socketPath);
    this.pid = Number(this.read(`${this.name}.pid`));
    const list = (name) => fs.readFileSync(`/proc/${this.pid}/${name}`, 'utf8').split('\0').filter(Boolean);
    this.command = list('cmdline');
    this.environment = Object.fromEntries(list('environ').map((entry) => entry.split(/=(.*)/s, 2)));
    // Held open, since they may end with it.
    this.namespaces = ['net', 'mnt'].map((name) => fs.openSync(`/proc/${this.pid}/ns/${name}`));
  }

  read(name) {
    return fs.readFileSync(path.join(this.directory, name), 'utf8').trim();
  }

  signal(name) {
    process.kill(this.pid, name);
  }

  async liveRestore() {
    if (target.kind !== 'docker') return;
    fs.writeFileSync(path.join(this.directory, 'daemon.json'), '{"live-restore": true}');
    this.signal('SIGHUP');
    await until('live-restore', async () => (await this.engine.request('GET', '/info')).LiveRestoreEnabled);
  }

  async end(signal) {
    this.signal(signal);
    await until(`the end of ${this.name}`, () => this.hasEnded(), 60_000);
    // Of one that nobody waits for yet, the next would think that it lives.
    fs.rmSync(path.join(this.directory, 'engine.pid'), { force: true });
  }

  hasEnded() {
    try {
      const isZombie = / Z /.test(fs.readFileSync(`/proc/${this.pid}/stat`, 'utf8'));
      return isZombie && fs.readdirSync(`/proc/${this.pid}/task`).length === 1;
    } catch {
      return true;
    }
  }

  /** Starts it as it was, and waits until it answers. */
  async start() {
    const logFile = path.join(this.directory, `${this.name}.log`);
    const log = fs.openSync(logFile, 'a');
    const [net, mount] = this.namespaces.map((descriptor) => `/proc/${process.pid}/fd/${descriptor}`);
    const inside = [`--net=${net}`, `--mount=${mount}`, `--wdns=${this.directory}`];
    const child = spawn('nsenter', [...inside, ...this.command], {
      cwd: this.directory, env: this.environment, detached: true, stdio: ['ignore', log, log],
    });
    child.unref();
    fs.closeSync(log);
    this.pid = child.pid;
    fs.writeFileSync(path.join(this.directory, `${this.name}.pid`), `${child.pid}\n`);
    await until(`an answer of ${this.name}`, () => {
      assert.equal(child.exitCode, null, `${this.name} ended; see ${logFile}`);
      return this.engine.request('GET', '/version');
    }, 60_000);
  }
}
