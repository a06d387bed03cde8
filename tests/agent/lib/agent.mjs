// The agent as a process: starts it, listens to what it prints, stops it.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import http from 'node:http';
import os from 'node:os';
import path from 'node:path';
import { slowness, until } from './wait.mjs';

export const binary = process.env.AGENT_BINARY;
const kReports = /AddressSanitizer|LeakSanitizer|ThreadSanitizer|runtime error:|terminate called|Assertion .* failed/;

const alive = new Set();
process.on('exit', () => { for (const child of alive) child.kill('SIGKILL'); });
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => process.exit(1));

/** What the agent needs of our environment, and nothing of it more. */
function baseEnvironment() {
  const kept = ['PATH', 'PLUGIN_DIR', 'ASAN_OPTIONS', 'UBSAN_OPTIONS', 'TSAN_OPTIONS', 'LSAN_OPTIONS'];
  return Object.fromEntries(kept.filter((key) => process.env[key]).map((key) => [key, process.env[key]]));
}

function launch(args, env, cwd, wrapper = []) {
  assert.ok(binary, 'AGENT_BINARY names the agent to test');
  const command = [...wrapper, ...(binary.endsWith('.mjs') ? [process.execPath, binary] : [binary])];
  const child = spawn(command[0], [...command.slice(1), ...args], { env, cwd, stdio: ['ignore', 'pipe', 'pipe'] });
  alive.add(child);
  child.once('exit', () => alive.delete(child));
  return child;
}

/** Runs the agent to its end: for --help, --check-config and configurations it must refuse. */
export async function runAgent(args, env = {}, ms = 10_000) {
  const child = launch(args, { ...baseEnvironment(), ...env });
  const out = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr']) child[name].on('data', (data) => { out[name] += data; });
  const timer = setTimeout(() => child.kill('SIGKILL'), ms * slowness);
  const [code, signal] = await new Promise((resolve) => child.once('close', (...end) => resolve(end)));
  clearTimeout(timer);
  assert.equal(signal, null, `the agent did not end by itself:\n${out.stdout}${out.stderr}`);
  return { code, ...out, output: out.stdout + out.stderr };
}

export class Agent {
  /** `settings`: configuration by name, given in the environment; `args`: options. */
  constructor({ nodeId, settings = {}, args = [], directory } = {}) {
    this.nodeId = nodeId;
    this.directory = directory ?? fs.mkdtempSync(path.join(os.tmpdir(), 'agent-e2e-'));
    this.settings = {
      NODE_ID: nodeId, HEALTH_PORT: '0', STATS_INTERVAL: '0',
      DATA_DIR: path.join(this.directory, 'data'), STATE_DIR: path.join(this.directory, 'state'),
      BACKUP_DIR: path.join(this.directory, 'backups'), ...settings,
    };
    for (const key of ['DATA_DIR', 'STATE_DIR']) fs.mkdirSync(this.settings[key], { recursive: true });
    this.args = args;
    /** A program, with its options, that runs the agent in its own place. */
    this.wrapper = undefined;
    this.output = '';
    this.child = null;
  }

  get dataDir() {
    return this.settings.DATA_DIR;
  }

  get pid() {
    return this.child.pid;
  }

  start() {
    this.startedAt = this.output.length;
    this.child = launch(this.args, { ...baseEnvironment(), ...this.settings }, this.directory, this.wrapper);
    for (const stream of [this.child.stdout, this.child.stderr]) {
      stream.setEncoding('utf8');
      stream.on('data', (data) => { this.output += data; });
    }
    const child = this.child;
    this.ended = new Promise((resolve) => child.once('close', (code, signal) => resolve({ code, signal })));
    return this;
  }

  get running() {
    return this.child !== null && this.child.exitCode === null && this.child.signalCode === null;
  }

  /** Output of the present run. */
  log() {
    return this.output.slice(this.startedAt);
  }

  kill(signal) {
    this.child.kill(signal);
    return this.ended;
  }

  /** Ends it as an operator would; it must do so cleanly and soon. */
  async stop() {
    if (!this.running) return;
    const timer = setTimeout(() => this.child.kill('SIGKILL'), 10_000 * slowness);
    const end = await this.kill('SIGTERM');
    clearTimeout(timer);
    assert.deepEqual(end, { code: 0, signal: null }, `the agent did not stop cleanly:\n${this.tail()}`);
  }

  /** What must hold of everything it printed. */
  violations() {
    const found = [];
    if (this.settings.AGENT_SECRET && this.output.includes(this.settings.AGENT_SECRET)) found.push('printed the secret');
    if (kReports.test(this.output)) found.push(`printed ${this.output.match(kReports)[0]}`);
    return found.map((what) => `${this.nodeId} ${what}\n${this.tail(60)}`);
  }

  tail(lines = 25) {
    return `output of ${this.nodeId}:\n${this.output.trimEnd().split('\n').slice(-lines).map((l) => `  ${l}`).join('\n')}`;
  }

  /** The port it says its health endpoint got, last. */
  async healthPort() {
    const match = await until('health port in the output', () =>
      [...this.log().matchAll(/health[^\n]*?127\.0\.0\.1:(\d+)/gi)].at(-1));
    return Number(match[1]);
  }

  async http(pathname, method = 'GET') {
    const port = await this.healthPort();
    return new Promise((resolve, reject) => {
      const request = http.request({ host: '127.0.0.1', port, path: pathname, method, agent: false }, (response) => {
        let text = '';
        response.setEncoding('utf8');
        response.on('data', (data) => { text += data; });
        response.on('end', () => resolve({ status: response.statusCode, headers: response.headers, text }));
      });
      request.on('error', reject);
      request.end();
    });
  }

  async health() {
    const { status, text } = await this.http('/health');
    return { code: status, ...JSON.parse(text) };
  }

  cleanUp() {
    fs.rmSync(this.directory, { recursive: true, force: true });
  }
}
