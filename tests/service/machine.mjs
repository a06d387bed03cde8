// The machine that systemd.sh makes, as its administrator sees it: engines as services, the agent
// installed and run by its shipped unit.

import assert from 'node:assert/strict';
import { execFile, execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { until } from '../agent/lib/wait.mjs';

const run = promisify(execFile);
const engines = fileURLToPath(new URL('../engines', import.meta.url));

export const unit = 'ctrl-alt-play-agent.service';
export const folders = '/var/lib/ctrl-alt-play';

/** Standard output of systemctl, which must succeed. */
export const systemctl = async (...args) => (await run('systemctl', args)).stdout.trim();

/** Refused unless process 1 is a systemd whose units are ours to make. */
export function checkMachine() {
  assert.equal(fs.readFileSync('/proc/1/comm', 'utf8'), 'systemd\n');
  assert.equal(fs.readFileSync('/proc/sys/kernel/hostname', 'utf8'), 'machine\n', 'run this by tests/service/systemd.sh');
}

/** The real engine at the place where an installed one has its socket. */
export async function startEngine(kind) {
  const [script, socket] = { docker: ['dockerd.sh', '/run/docker.sock'], podman: ['podman.sh', '/run/podman/podman.sock'] }[kind];
  const directory = `/run/engine-${kind}`;
  fs.mkdirSync(path.dirname(socket), { recursive: true });
  fs.writeFileSync(`/run/systemd/system/${kind}.service`, `[Service]
Type=oneshot
RemainAfterExit=yes
Delegate=yes
Environment=PATH=${process.env.PATH}
ExecStart=${engines}/${script} start ${directory}
ExecStart=ln -s ${directory}/${kind}.sock ${socket}
ExecStop=${engines}/${script} stop ${directory}
TimeoutStartSec=150
`);
  await systemctl('daemon-reload');
  await systemctl('start', kind).catch(async (error) => {
    throw new Error(`${error.message}\n${await journal(kind)}`);
  });
  return socket;
}

/** As README.md says: the installed tree, the settings, the secret. */
export function install(buildTree, prefix, settings, secret) {
  execFileSync('cmake', ['--install', buildTree, '--component', 'runtime'], { stdio: 'pipe' });
  const etc = '/etc/ctrl-alt-play';
  fs.mkdirSync(etc, { mode: 0o700 });
  fs.copyFileSync(`${prefix}/share/ctrl-alt-play/agent.env`, `${etc}/agent.env`);
  fs.chmodSync(`${etc}/agent.env`, 0o600);
  fs.writeFileSync(`${etc}/secret`, secret, { mode: 0o600 });
  configure(settings);
}

/** Later lines of the settings hold. */
export function configure(settings) {
  const text = Object.entries(settings).map(([name, value]) => `${name}=${value}\n`).join('');
  fs.appendFileSync('/etc/ctrl-alt-play/agent.env', text);
}

/** A drop-in, as `systemctl edit` makes it. */
export async function edit(text) {
  fs.mkdirSync(`/etc/systemd/system/${unit}.d`, { recursive: true });
  fs.writeFileSync(`/etc/systemd/system/${unit}.d/override.conf`, text);
  await systemctl('daemon-reload');
}

export async function property(name) {
  return systemctl('show', unit, '--property', name, '--value');
}

/** The agent's process id; 0 when none runs, which must not be given to kill(2). */
export const mainPid = async () => Number(await property('MainPID'));

/** What the unit, and systemd about it, wrote to the journal. */
export async function journal(of) {
  return (await run('journalctl', ['--no-pager', '--unit', of], { maxBuffer: 1 << 26 })).stdout;
}

/** Waits for the run after that of process `pid`; gives its process id. */
export const nextRun = (pid, ms) => until('the next run of the agent', async () => {
  const now = await mainPid();
  return now !== 0 && now !== pid && (await property('ActiveState')) === 'active' && now;
}, ms, 100);
